import {
  Cache,
  Client,
  type ClusterConfig,
  cacheMetrics,
  clientMetrics,
  controllerMetrics,
  createLogger,
  EventRecorder,
  Manager,
  registerWorkQueueMetrics,
} from "@pcmc/controller-runtime";
import { createEngine } from "@pcmc/gotemplate";
import { Registry } from "prom-client";
import { operatorMetrics } from "../../../src/metrics/operator-metrics.ts";
import { reconcileObserver } from "../../../src/metrics/reconcile-observer.ts";
import { podConfigMapControllers } from "../../../src/podconfigmap/controllers.ts";
import { eventually } from "./eventually.ts";
import { runRecorded } from "./run-recorded.ts";

/** Where an API server is, and as whom to speak to it. */
export interface Access {
  readonly server: string;
  readonly caPem: string;
  readonly certPem?: string;
  readonly keyPem?: string;
}

export interface ManagerWish {
  /** Namespaces to look at; absent = all. */
  readonly namespaces?: readonly string[];
  /** Milliseconds; 0 (default) = never. */
  readonly resyncPeriod?: number;
  /** Milliseconds after which an obstacle that gives no event is looked at again. Default: the operator's own. */
  readonly recheckPeriod?: number;
  readonly podWorkers?: number;
}

/** A configuration of credentials that stay. */
export const fixedConfig = ({ server, caPem, certPem, keyPem }: Access): ClusterConfig => ({
  server,
  namespace: "default",
  source: "test",
  tls: () => ({ ca: caPem, rejectUnauthorized: true, ...(certPem && keyPem && { cert: certPem, key: keyPem }) }),
  onTlsChange: () => () => {},
  authorization: () => undefined,
  refresh: async () => false,
  close: () => {},
});

let started = 0;

/** The podconfigmap controllers with all that they stand on, in this process: as `pcmc manager` puts them together. */
export class RunningManager {
  /** Tells this manager's requests from all others in the audit log. */
  readonly userAgent = `manager-under-test-${++started}/1`;
  /** Whole lines, in JSON. */
  readonly lines: string[] = [];
  readonly #stop = new AbortController();
  readonly #kill = new AbortController();
  readonly #client: Client;
  readonly #engine = createEngine();
  readonly #config: ClusterConfig;
  readonly #ended: Promise<void>;
  #port = 0;

  constructor(config: ClusterConfig, wish: ManagerWish = {}) {
    const { namespaces, resyncPeriod = 0, recheckPeriod, podWorkers = 8 } = wish;
    const log = createLogger({
      level: "debug",
      format: "json",
      stream: { write: (line) => void this.lines.push(line) },
    });
    const registry = new Registry();
    this.#config = config;
    const observer = clientMetrics(registry);
    this.#client = new Client(config, { userAgent: this.userAgent, connections: podWorkers + 2, observer });
    const cache = new Cache({ client: this.#client, namespaces, log, observer: cacheMetrics(registry) });
    const events = new EventRecorder({ client: this.#client, reportingController: "example.com/under-test", log });
    const metrics = operatorMetrics(registry);
    const controllers = podConfigMapControllers({
      cache,
      engine: this.#engine,
      events,
      log,
      metrics,
      observer: reconcileObserver(controllerMetrics(registry), metrics),
      queueMetrics: registerWorkQueueMetrics(registry),
      podWorkers,
      pcmcWorkers: 1,
      maxRetries: 5,
      timeout: 30_000,
      resyncPeriod,
      ...(recheckPeriod !== undefined && { recheckPeriod }),
    });
    const address = { host: "127.0.0.1", port: 0 };
    const onListening = (port: number) => {
      this.#port = port;
    };
    const manager = new Manager({
      cache,
      led: () => {
        const made = controllers(this.#client);
        metrics.show({ queueDepths: () => made.map(({ name, queueLength }) => [name, queueLength]) });
        return made;
      },
      address,
      metrics: registry,
      log,
      drainTimeout: 10_000,
      onListening,
    });
    this.#ended = runRecorded(manager, events, { stop: this.#stop.signal, kill: this.#kill.signal });
    // Whoever stops it sees the rejection; until then it is nobody's.
    this.#ended.catch(() => {});
  }

  /** Lines of a level, as text. */
  linesOf(level: "error" | "warning"): string[] {
    return this.lines.filter((line) => (JSON.parse(line) as { level?: unknown }).level === level);
  }

  /** Waits until `/readyz` says yes. */
  ready(): Promise<true> {
    return eventually("the manager is ready", async () => (await this.#page("/readyz")).ok && (true as const));
  }

  /** What `/metrics` says now. */
  async scrape(): Promise<string> {
    return (await this.#page("/metrics")).text();
  }

  /** How many reconciles of a controller have ended, with `result` where that is given. */
  async reconciles(controller: "pod" | "pcmc", result?: string): Promise<number> {
    const series = await this.scrape();
    const ended = series.matchAll(/^controller_runtime_reconcile_total\{controller="(\w+)",result="(\w+)"\} (\d+)$/gm);
    return [...ended]
      .filter(([, name, outcome]) => name === controller && outcome === (result ?? outcome))
      .reduce((sum, [, , , count]) => sum + Number(count), 0);
  }

  /** Stops and waits for the end; again: nothing. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error("the test stops the manager"));
    await this.#ended;
    await Promise.all([this.#client.close(), this.#engine.close()]);
    this.#config.close();
  }

  #page(path: string): Promise<Response> {
    if (this.#port === 0) throw new Error("the manager does not listen yet");
    return fetch(`http://127.0.0.1:${this.#port}${path}`);
  }
}
