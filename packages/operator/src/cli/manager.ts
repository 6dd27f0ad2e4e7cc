import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import {
  Cache,
  type Client,
  cacheMetrics,
  controllerMetrics,
  EventRecorder,
  eventMetrics,
  Manager,
  processMetrics,
  Registry,
  registerWorkQueueMetrics,
  type StopSignals,
  systemClock,
  Troubles,
} from "@pcmc/controller-runtime";
import { loadControllers } from "../controllers/groups.ts";
import { allWorkers } from "../controllers/workers.ts";
import type { Agent } from "../ebpf/agent/agent.ts";
import { registerBuildInfo } from "../metrics/build-info.ts";
import { operatorMetrics } from "../metrics/operator-metrics.ts";
import { reconcileObserver } from "../metrics/reconcile-observer.ts";
import { idleSettings } from "../settings/idle-settings.ts";
import type { Settings } from "../settings/settings.ts";
import { nodeAgentOf } from "./agent/node-agent.ts";
import { LazyEngine } from "./lazy-engine.ts";
import { Clients } from "./manager/clients.ts";
import { electorOf } from "./manager/elector.ts";
import { webhooksOf } from "./manager/webhooks.ts";
import { DRAIN_TIMEOUT, type Ground, runProcess } from "./run-process.ts";
import { version } from "./version.ts";

/** `reportingController` of Events, and the name under which they are found. */
const CONTROLLER = "podconfig.example.com/podconfigmap-controller";

/**
 * Runs the controllers until SIGTERM or SIGINT.
 *
 * @returns the exit code: 0 after a graceful stop, 1 after a fatal error, which has been logged.
 */
export const runManager = (settings: Settings): Promise<number> => {
  const fields = { controllers: settings.controllers.join(","), ...(settings.role === "all" && { role: "all" }) };
  return runProcess(
    settings,
    { what: "the manager", hello: ["podconfigmap-controller starts", fields], warnings: idleSettings(settings) },
    (ground, signals) => runParts({ settings, ...ground }, signals),
  );
};

interface ManagerGround extends Ground {
  readonly settings: Settings;
}

/** Puts the parts together and runs them: Events are recorded for as long as a reconcile can have some. */
const runParts = async ({ settings, config, log }: ManagerGround, signals: StopSignals): Promise<void> => {
  const registry = new Registry();
  registerBuildInfo(registry, { version, role: settings.role });
  using _process = processMetrics(registry);
  await using clients = new Clients(config, { workers: allWorkers(settings), registry });
  const identity = identityOf(settings);
  const events = new EventRecorder({
    client: clients.own,
    reportingController: CONTROLLER,
    reportingInstance: identity,
    log,
    observer: eventMetrics(registry),
  });
  const ended = new AbortController();
  const recording = events.run({ stop: ended.signal, kill: signals.kill });
  await using engine = new LazyEngine();
  // Of their own: whatever templates stand in the cluster must not keep admission from its answers.
  await using webhookEngine = new LazyEngine();
  try {
    const parts = { settings, config, log, registry, clients, identity, events, engine, webhookEngine };
    const manager = await assemble(parts);
    await manager.run(signals);
  } finally {
    ended.abort(new Error("the manager has ended"));
    await recording;
  }
};

interface Parts extends ManagerGround {
  readonly registry: Registry;
  readonly clients: Clients;
  readonly identity: string;
  readonly events: EventRecorder;
  readonly engine: LazyEngine;
  readonly webhookEngine: LazyEngine;
}

const assemble = async ({ clients, identity, engine, webhookEngine, ...parts }: Parts): Promise<Manager> => {
  const { settings, log, registry } = parts;
  // An API server that is away is away for the Lease too: that is one line.
  const troubles = new Troubles({ clock: systemClock, log });
  const namespaces = settings.watchNamespaces;
  const cache = new Cache({ client: clients.work, namespaces, log, troubles, observer: cacheMetrics(registry) });
  const metrics = operatorMetrics(registry);
  const [observer, queueMetrics] = [controllerMetrics(registry), registerWorkQueueMetrics(registry)];
  const common = { ...parts, cache, troubles, queueMetrics };
  const observed = { ...common, observer: reconcileObserver(observer, metrics) };
  const controllers = await loadControllers({ ...observed, metrics, engine });
  const agent = settings.role === "all" ? await nodeAgentOf({ ...common, observer, client: clients.agent }) : undefined;
  const webhooks = await webhooksOf({ ...common, client: clients.webhooks, engine: webhookEngine });
  const elector = electorOf({ ...common, client: clients.own, identity });
  const lock = settings.leaderElectionLockName;
  if (elector !== undefined) metrics.show({ leading: () => [lock, elector.isLeader] });
  return new Manager({
    cache,
    // The node's agent waits for no Lease: every replica looks after its own node.
    runnables: [...(webhooks?.runnables ?? []), ...runnablesOf(agent)],
    led: (term) => {
      const guarded = (unguarded: Client) => unguarded.guardedBy(() => term.assertHeld());
      return [...controllers(guarded(clients.work)), ...(webhooks?.led(guarded(clients.webhooks)) ?? [])];
    },
    readyChecks: [webhooks?.readyCheck, agent?.readyCheck].filter((check) => check !== undefined),
    pages: agent?.pages,
    elector,
    address: settings.metricsAddr === "off" ? undefined : settings.metricsAddr,
    metrics: registry,
    drainTimeout: DRAIN_TIMEOUT,
    log,
  });
};

const runnablesOf = (agent: Agent | undefined) => (agent === undefined ? [] : [agent.runnable]);

/** As client-go's: the name that people know, and what tells two processes of that name apart. */
const identityOf = ({ podName }: Settings): string => `${podName ?? hostname()}_${randomUUID()}`;
