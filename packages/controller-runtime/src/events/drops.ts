import type { Clock } from "../clock.ts";
import type { LogFields, Logger } from "../log.ts";
import type { DropReason, EventObserver } from "./observer.ts";

/** The level of a drop's line, and what it says: what is the matter and what to do. */
const LINES: Readonly<Record<DropReason, readonly ["error" | "warning" | "info", string]>> = {
  invalid: ["error", "an Event is not valid: it is dropped, and the controller that records it needs a fix"],
  rate_limited: ["info", "too many different Events about one object: further ones are dropped for some minutes"],
  queue_full: ["warning", "Events are recorded faster than they can be written: what does not fit is dropped"],
  forbidden: [
    "warning",
    "Events may not be written: grant the verbs create and patch on events in the API group events.k8s.io, " +
      "unless the error names a quota or a webhook",
  ],
  namespace_gone: ["info", "Events are dropped: their namespace is being deleted, or is not there"],
  rejected: ["error", "the API server finds an Event wrong: it is dropped"],
  failed: ["warning", "an Event could not be written, and is dropped after several tries"],
  stopped: ["warning", "stopped before all Events had been written"],
};

/** Milliseconds for which the same reason is not said again. Long, yet a log of last week need not be kept to find it. */
const SAY_AGAIN = 3_600_000;

interface Said {
  at: number;
  /** Dropped since. */
  unsaid: number;
}

export interface DropsOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: EventObserver;
}

/** Counts what is dropped, and says so: once for each reason, and again when it still happens an hour later. */
export class Drops {
  readonly #options: DropsOptions;
  readonly #said = new Map<DropReason, Said>();

  constructor(options: DropsOptions) {
    this.#options = options;
  }

  /** Takes note that `count` Events are dropped. */
  note(reason: DropReason, count: number, fields: LogFields = {}): void {
    if (count === 0) return;
    const { clock, log, observer } = this.#options;
    observer.onDropped(reason, count);
    const said = this.#said.get(reason);
    const now = clock.now();
    if (said !== undefined && now - said.at < SAY_AGAIN) {
      said.unsaid += count;
      return;
    }
    this.#said.set(reason, { at: now, unsaid: 0 });
    const [level, message] = LINES[reason];
    log[level](message, { ...fields, dropped: count + (said?.unsaid ?? 0) });
  }
}
