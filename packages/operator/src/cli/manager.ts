import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import {
  Cache,
  Client,
  type ClusterConfig,
  cacheMetrics,
  clientMetrics,
  controllerMetrics,
  createLogger,
  describe,
  EventRecorder,
  eventMetrics,
  LeaderElector,
  type Logger,
  leaderElectionMetrics,
  loadClusterConfig,
  Manager,
  processMetrics,
  Registry,
  registerWorkQueueMetrics,
  type StopSignals,
  stderrSink,
  stopSignals,
  systemClock,
  Troubles,
  type Webhooks,
} from "@pcmc/controller-runtime";
import { operatorMetrics } from "../metrics/operator-metrics.ts";
import { podConfigMapControllers } from "../podconfigmap/controllers.ts";
import type { Settings } from "../settings/settings.ts";
import { LazyEngine } from "./lazy-engine.ts";
import { version } from "./version.ts";

/** Pods worked on at a time with `auto`: past this the API server's two busiest cores are full, and latency only grows. */
const AUTO_WORKERS = 32;
/** What reconciles under way get after SIGTERM; less than the 30 s after which a kubelet kills. */
const DRAIN_TIMEOUT = 10_000;
/** A renewal of the Lease must not wait behind 32 other requests: it and the Events have connections of their own. */
const OWN_CONNECTIONS = 2;
/** For the rights of authors, a few milliseconds each, and now and then a certificate. */
const WEBHOOK_CONNECTIONS = 8;
const USER_AGENT = `podconfigmap-controller/${version}`;
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
    log.info("podconfigmap-controller starts", { version, server: config.server, source: config.source });
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
const runParts = async ({ settings, config, log }: Ground, { stop, kill }: StopSignals): Promise<void> => {
  const registry = new Registry();
  using _process = processMetrics(registry);
  const observer = clientMetrics(registry);
  const workers = podWorkers(settings);
  const connections = workers + settings.controllerPcmcWorkers + 1;
  const client = new Client(config, { userAgent: USER_AGENT, connections, observer });
  const ownClient = new Client(config, { userAgent: USER_AGENT, connections: OWN_CONNECTIONS, observer });
  const webhookClient = new Client(config, { userAgent: USER_AGENT, connections: WEBHOOK_CONNECTIONS, observer });
  // An API server that is away is away for the Lease too: that is one line.
  const troubles = new Troubles({ clock: systemClock, log });
  const identity = identityOf(settings);
  const events = new EventRecorder({
    client: ownClient,
    reportingController: CONTROLLER,
    reportingInstance: identity,
    log,
    observer: eventMetrics(registry),
  });
  const ended = new AbortController();
  const recording = events.run({ stop: ended.signal, kill });
  await using engine = new LazyEngine();
  // Of their own: whatever templates stand in the cluster must not keep admission from its answers.
  await using webhookEngine = new LazyEngine();
  try {
    const common = { settings, log, registry, engine, troubles, webhookClient };
    const webhooks = await webhooksOf({ ...common, engine: webhookEngine, config });
    const parts = { ...common, client, ownClient, identity, workers, events, webhooks };
    await assemble(parts).run({ stop, kill });
  } finally {
    ended.abort(new Error("the manager has ended"));
    await recording;
    await Promise.all([client, ownClient, webhookClient].map((each) => each.close()));
  }
};

interface Parts extends Omit<Ground, "config"> {
  readonly registry: Registry;
  readonly client: Client;
  readonly ownClient: Client;
  readonly identity: string;
  readonly workers: number;
  readonly events: EventRecorder;
  readonly engine: LazyEngine;
  readonly troubles: Troubles;
  readonly webhookClient: Client;
  readonly webhooks: Webhooks | undefined;
}

const assemble = (parts: Parts): Manager => {
  const { settings, log, registry, client, ownClient, identity, workers, events, engine, troubles } = parts;
  const { webhooks, webhookClient } = parts;
  const namespaces = settings.watchNamespaces;
  const cache = new Cache({ client, namespaces, log, troubles, observer: cacheMetrics(registry) });
  const metrics = operatorMetrics(registry);
  const controllers = podConfigMapControllers({
    cache,
    engine,
    events,
    log,
    metrics,
    observer: controllerMetrics(registry),
    queueMetrics: registerWorkQueueMetrics(registry),
    podWorkers: workers,
    pcmcWorkers: settings.controllerPcmcWorkers,
    maxRetries: settings.controllerMaxRetries,
    timeout: settings.controllerReconciliationTimeout || Number.POSITIVE_INFINITY,
    resyncPeriod: settings.controllerResyncPeriod,
  });
  const elector = electorOf({ settings, log, registry, ownClient, identity, troubles });
  const lock = settings.leaderElectionLockName;
  if (elector !== undefined) metrics.show({ leading: () => [lock, elector.isLeader] });
  return new Manager({
    cache,
    runnables: webhooks?.runnables,
    led: (term) => {
      const guarded = (unguarded: Client) => unguarded.guardedBy(() => term.assertHeld());
      return [...controllers(guarded(client)), ...(webhooks?.led(guarded(webhookClient)) ?? [])];
    },
    readyChecks: webhooks && [webhooks.readyCheck],
    elector,
    address: settings.metricsAddr === "off" ? undefined : settings.metricsAddr,
    metrics: registry,
    drainTimeout: DRAIN_TIMEOUT,
    log,
  });
};

const electorOf = ({
  settings,
  log,
  registry,
  ownClient: client,
  identity,
  troubles,
}: Pick<Parts, "settings" | "log" | "registry" | "ownClient" | "identity" | "troubles">): LeaderElector | undefined => {
  const observer = leaderElectionMetrics(registry);
  if (!settings.leaderElectionEnabled) return undefined;
  return new LeaderElector({
    client,
    lock: { namespace: settings.leaderElectionLockNamespace, name: settings.leaderElectionLockName },
    identity,
    leaseDuration: settings.leaderElectionLeaseDuration,
    renewDeadline: settings.leaderElectionRenewDeadline,
    retryPeriod: settings.leaderElectionRetryPeriod,
    log,
    observer,
    troubles,
  });
};

/** The admission webhooks, where they are wanted: their code is not loaded otherwise. */
const webhooksOf = async ({
  settings,
  config,
  webhookClient: client,
  ...parts
}: Pick<Parts, "settings" | "log" | "registry" | "engine" | "troubles" | "webhookClient"> & {
  readonly config: ClusterConfig;
}): Promise<Webhooks | undefined> => {
  if (!settings.webhookEnabled) return undefined;
  const { podConfigMapWebhooks } = await import("../admission/webhook.ts");
  return podConfigMapWebhooks({ ...parts, settings, client, namespace: settings.podNamespace ?? config.namespace });
};

/** As client-go's: the name that people know, and what tells two processes of that name apart. */
const identityOf = ({ podName }: Settings): string => `${podName ?? hostname()}_${randomUUID()}`;

const podWorkers = ({ controllerPodWorkers }: Settings): number =>
  controllerPodWorkers === "auto" ? AUTO_WORKERS : controllerPodWorkers;
