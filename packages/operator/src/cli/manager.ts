import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import {
  Cache,
  type Client,
  type ClusterConfig,
  cacheMetrics,
  createLogger,
  describe,
  EventRecorder,
  eventMetrics,
  type Logger,
  loadClusterConfig,
  Manager,
  processMetrics,
  Registry,
  type StopSignals,
  stderrSink,
  stopSignals,
  systemClock,
  Troubles,
} from "@pcmc/controller-runtime";
import { loadControllers } from "../controllers/groups.ts";
import { allWorkers } from "../controllers/workers.ts";
import { operatorMetrics } from "../metrics/operator-metrics.ts";
import { idleSettings } from "../settings/idle-settings.ts";
import type { Settings } from "../settings/settings.ts";
import { LazyEngine } from "./lazy-engine.ts";
import { Clients } from "./manager/clients.ts";
import { electorOf } from "./manager/elector.ts";
import { webhooksOf } from "./manager/webhooks.ts";
import { version } from "./version.ts";

/** What reconciles under way get after SIGTERM; less than the 30 s after which a kubelet kills. */
const DRAIN_TIMEOUT = 10_000;
/** `reportingController` of Events, and the name under which they are found. */
const CONTROLLER = "podconfig.example.com/podconfigmap-controller";

/**
 * Runs the controllers until SIGTERM or SIGINT.
 *
 * @returns the exit code: 0 after a graceful stop, 1 after a fatal error, which has been logged.
 */
export const runManager = async (settings: Settings): Promise<number> => {
  const log = createLogger({ level: settings.logLevel, format: settings.logFormat, stream: stderrSink() });
  let config: ClusterConfig | undefined;
  try {
    config = await loadClusterConfig({ flags: { kubeconfig: settings.kubeconfig }, logger: log });
    // Not sooner: until here there is nothing to drain, and a signal ends the process at once.
    using signals = stopSignals();
    const { server, source } = config;
    log.info("podconfigmap-controller starts", {
      version,
      server,
      source,
      controllers: settings.controllers.join(","),
    });
    for (const line of idleSettings(settings)) log.warning(line);
    await runParts({ settings, config, log }, signals);
    log.info("stopped");
    return 0;
  } catch (error) {
    log.error(`the manager ends: ${describe(error)}`, { error });
    return 1;
  } finally {
    config?.close();
  }
};

interface Ground {
  readonly settings: Settings;
  readonly config: ClusterConfig;
  readonly log: Logger;
}

/** Puts the parts together and runs them: Events are recorded for as long as a reconcile can have some. */
const runParts = async ({ settings, config, log }: Ground, signals: StopSignals): Promise<void> => {
  const registry = new Registry();
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

interface Parts extends Ground {
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
  const common = { ...parts, cache, troubles };
  const controllers = await loadControllers({ ...common, metrics, engine });
  const webhooks = await webhooksOf({ ...common, client: clients.webhooks, engine: webhookEngine });
  const elector = electorOf({ ...common, client: clients.own, identity });
  const lock = settings.leaderElectionLockName;
  if (elector !== undefined) metrics.show({ leading: () => [lock, elector.isLeader] });
  return new Manager({
    cache,
    runnables: webhooks?.runnables,
    led: (term) => {
      const guarded = (unguarded: Client) => unguarded.guardedBy(() => term.assertHeld());
      return [...controllers(guarded(clients.work)), ...(webhooks?.led(guarded(clients.webhooks)) ?? [])];
    },
    readyChecks: webhooks && [webhooks.readyCheck],
    elector,
    address: settings.metricsAddr === "off" ? undefined : settings.metricsAddr,
    metrics: registry,
    drainTimeout: DRAIN_TIMEOUT,
    log,
  });
};

/** As client-go's: the name that people know, and what tells two processes of that name apart. */
const identityOf = ({ podName }: Settings): string => `${podName ?? hostname()}_${randomUUID()}`;
