import {
  Cache,
  cacheMetrics,
  clientMetrics,
  controllerMetrics,
  Manager,
  processMetrics,
  Registry,
  registerWorkQueueMetrics,
  type StopSignals,
  systemClock,
  Troubles,
} from "@pcmc/controller-runtime";
import { registerBuildInfo } from "../metrics/build-info.ts";
import type { AgentSettings } from "../settings/agent-settings.ts";
import { agentClient, nodeAgentOf, nodeNameOf } from "./agent/node-agent.ts";
import { DRAIN_TIMEOUT, type Ground, runProcess } from "./run-process.ts";
import { version } from "./version.ts";

/** Conditions of several Pods at a time, and a list. */
const CONNECTIONS = 5;

/**
 * Runs the agent of one node until SIGTERM or SIGINT. What it has put into the kernel stays there.
 *
 * @returns the exit code: 0 after a graceful stop, 1 after a fatal error, which has been logged.
 */
export const runAgent = (settings: AgentSettings): Promise<number> => {
  const fields = { node: nodeNameOf(settings), pinDir: settings.bpfPinDir };
  return runProcess(
    settings,
    { what: "the agent", hello: ["podconfigmap-controller's node agent starts", fields] },
    (ground, signals) => runParts(settings, ground, signals),
  );
};

const runParts = async (settings: AgentSettings, { config, log }: Ground, signals: StopSignals): Promise<void> => {
  const registry = new Registry();
  registerBuildInfo(registry, { version, role: "agent" });
  using _process = processMetrics(registry);
  const client = agentClient(config, { connections: CONNECTIONS, observer: clientMetrics(registry) });
  await using _client = { [Symbol.asyncDispose]: () => client.close() };
  const troubles = new Troubles({ clock: systemClock, log });
  const namespaces = settings.watchNamespaces;
  const cache = new Cache({ client, namespaces, log, troubles, observer: cacheMetrics(registry) });
  const [observer, queueMetrics] = [controllerMetrics(registry), registerWorkQueueMetrics(registry)];
  const agent = await nodeAgentOf({ settings, cache, client, registry, observer, queueMetrics, log });
  const manager = new Manager({
    cache,
    runnables: [agent.runnable],
    readyChecks: [agent.readyCheck],
    pages: agent.pages,
    address: settings.metricsAddr === "off" ? undefined : settings.metricsAddr,
    metrics: registry,
    drainTimeout: DRAIN_TIMEOUT,
    log,
  });
  await manager.run(signals);
};
