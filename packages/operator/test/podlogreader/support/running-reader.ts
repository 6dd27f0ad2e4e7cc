import {
  Cache,
  Client,
  type ClusterConfig,
  controllerMetrics,
  createLogger,
  EventRecorder,
  Manager,
  Registry,
  registerWorkQueueMetrics,
} from "@pcmc/controller-runtime";
import { operatorMetrics } from "../../../src/metrics/operator-metrics.ts";
import { podLogReaderMetrics } from "../../../src/metrics/podlogreader-metrics.ts";
import { podLogReaderControllers } from "../../../src/podlogreader/controllers.ts";
import type { Choices } from "../../../src/podlogreader/role.ts";
import { eventually } from "../../integration/support/eventually.ts";
import { runRecorded } from "../../integration/support/run-recorded.ts";

export interface ReaderWish extends Partial<Choices> {
  /** Namespaces to look at; absent = all. */
  readonly namespaces?: readonly string[];
  /** Milliseconds after which an obstacle that gives no event is looked at again. Default: the operator's own. */
  readonly recheckPeriod?: number;
  /** Milliseconds; 0 (default) = never. */
  readonly resyncPeriod?: number;
}

let started = 0;

/** The podlogreader controller with all that it stands on, in this process: as `pcmc manager` puts it together. */
export class RunningReader {
  /** Tells its requests from all others in the audit log. */
  readonly userAgent = `podlogreader-under-test-${++started}/1`;
  /** Whole lines, in JSON. */
  readonly lines: string[] = [];
  readonly #stop = new AbortController();
  readonly #kill = new AbortController();
  readonly #config: ClusterConfig;
  readonly #client: Client;
  readonly #cache: Cache;
  readonly #registry = new Registry();
  readonly #ended: Promise<void>;

  constructor(config: ClusterConfig, wish: ReaderWish = {}) {
    const { createSaAndRoleBinding = false, allowPodGet = false, namespaces, recheckPeriod, resyncPeriod = 0 } = wish;
    const log = createLogger({
      level: "debug",
      format: "json",
      stream: { write: (line) => void this.lines.push(line) },
    });
    this.#config = config;
    this.#client = new Client(config, { userAgent: this.userAgent, connections: 8 });
    this.#cache = new Cache({ client: this.#client, namespaces, log });
    const events = new EventRecorder({ client: this.#client, reportingController: "example.com/under-test", log });
    const controllers = podLogReaderControllers({
      cache: this.#cache,
      events,
      log,
      metrics: podLogReaderMetrics(this.#registry, operatorMetrics(this.#registry)),
      observer: controllerMetrics(this.#registry),
      queueMetrics: registerWorkQueueMetrics(this.#registry),
      maxRetries: 5,
      timeout: 30_000,
      resyncPeriod,
      createSaAndRoleBinding,
      allowPodGet,
      recheckPeriod,
    });
    const manager = new Manager({ cache: this.#cache, led: () => controllers(this.#client), log });
    this.#ended = runRecorded(manager, events, { stop: this.#stop.signal, kill: this.#kill.signal });
    // Whoever stops it sees the rejection; until then it is nobody's.
    this.#ended.catch(() => {});
  }

  /** Waits until it has seen everything. */
  ready(): Promise<true> {
    return eventually("the caches are in step", () => this.#cache.synced && (true as const));
  }

  /** What `/metrics` would say. */
  scrape(): Promise<string> {
    return this.#registry.metrics();
  }

  /** How many reconciles have ended. */
  async reconciles(): Promise<number> {
    const ended = (await this.scrape()).matchAll(/^controller_runtime_reconcile_total\{[^}]*\} (\d+)$/gm);
    return [...ended].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Lines of a level, as text. */
  linesOf(level: "error" | "warning"): string[] {
    return this.lines.filter((line) => (JSON.parse(line) as { level?: unknown }).level === level);
  }

  /** Stops and waits for the end; again: nothing. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error("the test stops the manager"));
    await this.#ended;
    await this.#client.close();
    this.#config.close();
  }
}
