import {
  Cache,
  Client,
  type ClusterConfig,
  cacheMetrics,
  clientMetrics,
  controllerMetrics,
  createLogger,
  describe,
  type Logger,
  loadClusterConfig,
  Manager,
  registerWorkQueueMetrics,
  stderrSink,
  stopSignals,
} from "@pcmc/controller-runtime";
import { collectDefaultMetrics, Registry } from "prom-client";
import { operatorMetrics } from "../metrics/operator-metrics.ts";
import { podConfigMapControllers } from "../podconfigmap/controllers.ts";
import type { Settings } from "../settings/settings.ts";
import { version } from "./version.ts";

/** Pods worked on at a time with `auto`: past this the API server's two busiest cores are full, and latency only grows. */
const AUTO_WORKERS = 32;
/** What reconciles under way get after SIGTERM; less than the 30 s after which a kubelet kills. */
const DRAIN_TIMEOUT = 10_000;

/**
 * Runs the controllers until SIGTERM or SIGINT.
 *
 * @returns the exit code: 0 after a graceful stop, 1 after a fatal error, which has been logged.
 */
export const runManager = async (settings: Settings): Promise<number> => {
  const log = createLogger({ level: settings.logLevel, format: settings.logFormat, stream: stderrSink() });
  let config: ClusterConfig | undefined;
  let client: Client | undefined;
  try {
    config = await loadClusterConfig({ flags: { kubeconfig: settings.kubeconfig }, logger: log });
    // Not sooner: until here there is nothing to drain, and a signal ends the process at once.
    using signals = stopSignals();
    log.info("podconfigmap-controller starts", { version, server: config.server, source: config.source });
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    const workers = podWorkers(settings);
    client = new Client(config, {
      userAgent: `podconfigmap-controller/${version}`,
      connections: workers + settings.controllerPcmcWorkers + 1,
      observer: clientMetrics(registry),
    });
    await assemble({ settings, client, registry, log, workers }).run(signals);
    log.info("stopped");
    return 0;
  } catch (error) {
    log.error(`the manager ends: ${describe(error)}`, { error });
    return 1;
  } finally {
    await client?.close();
    config?.close();
  }
};

interface Parts {
  readonly settings: Settings;
  readonly client: Client;
  readonly registry: Registry;
  readonly log: Logger;
  readonly workers: number;
}

const assemble = ({ settings, client, registry, log, workers }: Parts): Manager => {
  const cache = new Cache({ client, namespaces: settings.watchNamespaces, log, observer: cacheMetrics(registry) });
  const runnables = podConfigMapControllers({
    cache,
    client,
    log,
    metrics: operatorMetrics(registry),
    observer: controllerMetrics(registry),
    queueMetrics: registerWorkQueueMetrics(registry),
    podWorkers: workers,
    pcmcWorkers: settings.controllerPcmcWorkers,
    maxRetries: settings.controllerMaxRetries,
    timeout: settings.controllerReconciliationTimeout || Number.POSITIVE_INFINITY,
    resyncPeriod: settings.controllerResyncPeriod,
  });
  return new Manager({
    cache,
    runnables,
    address: settings.metricsAddr === "off" ? undefined : settings.metricsAddr,
    metrics: registry,
    drainTimeout: DRAIN_TIMEOUT,
    log,
  });
};

const podWorkers = ({ controllerPodWorkers }: Settings): number =>
  controllerPodWorkers === "auto" ? AUTO_WORKERS : controllerPodWorkers;
