import { Registry } from "prom-client";
import type { NewEvent } from "../../src/events/event.ts";
import { eventMetrics } from "../../src/events/metrics.ts";
import { EventRecorder, type EventRecorderOptions } from "../../src/events/recorder.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { FakeApi } from "./fake-api.ts";

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;

/** An Event about the Pod `name`. */
export const about = (name: string, parts: Partial<NewEvent> = {}): NewEvent => ({
  regarding: { apiVersion: "v1", kind: "Pod", namespace: "a", name, uid: `uid-${name}` },
  type: "Warning",
  reason: "Failed",
  action: "Render",
  note: "it failed",
  ...parts,
});

/** A recorder that runs, before a fake API, on a clock of the test's. */
export class Rig {
  readonly clock = new FakeClock();
  readonly api = new FakeApi();
  readonly log = recordedLog();
  readonly recorder: EventRecorder;
  readonly #registry = new Registry();
  readonly #stop = new AbortController();
  readonly #kill = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: Partial<EventRecorderOptions> = {}) {
    this.recorder = new EventRecorder({
      client: this.api,
      reportingController: "example.com/tester",
      reportingInstance: "tester-0",
      clock: this.clock,
      random: () => 0,
      log: this.log,
      observer: eventMetrics(this.#registry),
      ...options,
    });
  }

  start(): this {
    this.#running = this.recorder.run({ stop: this.#stop.signal, kill: this.#kill.signal });
    return this;
  }

  /** Records, and lets what follows at once happen. */
  async record(...events: readonly NewEvent[]): Promise<void> {
    for (const event of events) this.recorder.event(event);
    await settled();
  }

  pass(milliseconds: number): Promise<void> {
    return this.clock.advanceAndSettle(milliseconds);
  }

  /** Stops; resolves when the recorder has ended, which may take it time of the clock. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.pass(500);
    await this.#running;
  }

  /** Stops; resolves when the recorder has ended, which it must without time passing. */
  stopAtOnce(): Promise<void> | undefined {
    this.#stop.abort();
    return this.#running;
  }

  kill(): Promise<void> | undefined {
    this.#kill.abort();
    return this.#running;
  }

  /** The values of a metric by its label. */
  async values(name: "recorded" | "dropped" | "writes"): Promise<Record<string, number>> {
    const metrics = await this.#registry.getMetricsAsJSON();
    const metric = metrics.find((candidate) => candidate.name === `event_recorder_${name}_total`);
    return Object.fromEntries((metric?.values ?? []).map(({ labels, value }) => [Object.values(labels).join(), value]));
  }
}

/** The sum of all values. */
export const sum = (values: Iterable<number>): number => Array.from(values).reduce((total, value) => total + value, 0);
