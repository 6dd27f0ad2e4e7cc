import type { Client } from "../client/client.ts";
import {
  AlreadyExistsError,
  ApiError,
  ConnectionError,
  DeadlineError,
  DecodeError,
  ForbiddenError,
  NotFoundError,
  ServiceUnavailableError,
  TooManyRequestsError,
  UnauthorizedError,
} from "../errors.ts";
import { namespaceOf } from "./content.ts";
import { Events } from "./event.ts";
import type { DropReason, EventObserver } from "./observer.ts";
import type { Reporter, Series } from "./series.ts";

/** What of a `Client` Events are written with. */
export type EventSink = Pick<Client, "create" | "patch">;

/** How a write went:
 * - `written`: the server has the count that the series had when the write began;
 * - `retry`: it may go better later. `concerns` says for whom: this Event alone (a webhook that fails in its namespace), or
 *   whatever is sent to the server. `after`: how long the server asks to be left alone, milliseconds;
 * - `refused`: trying again would not help.
 */
export type WriteOutcome =
  | { readonly kind: "written" }
  | { readonly kind: "retry"; readonly concerns: "event" | "server"; readonly after: number; readonly error: unknown }
  | { readonly kind: "refused"; readonly reason: DropReason; readonly error: unknown };

export interface EventWriterOptions {
  readonly sink: EventSink;
  readonly reporter: Reporter;
  readonly observer: EventObserver;
}

/** Milliseconds of one try. */
const TIMEOUT = 10_000;

/** Writes series, each as the one Event that it is. */
export class EventWriter {
  readonly #options: EventWriterOptions;

  constructor(options: EventWriterOptions) {
    this.#options = options;
  }

  /**
   * Writes a series as it is now, with one try. Does not throw; when `signal` ends the request the outcome means nothing.
   */
  async write(series: Series, signal: AbortSignal): Promise<WriteOutcome> {
    try {
      await this.#send(series, signal);
      return { kind: "written" };
    } catch (error) {
      return outcomeOf(error, series);
    }
  }

  async #send(series: Series, signal: AbortSignal): Promise<void> {
    const event = series.event(this.#options.reporter);
    if (series.exists) {
      try {
        await this.#patch(series, { series: event.series }, signal);
        return;
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw error;
        // Its time to live is over, or someone deleted it: it goes on anew, under its name.
        series.exists = false;
      }
    }
    try {
      await this.#create(event, signal);
      series.exists = true;
    } catch (error) {
      if (!(error instanceof AlreadyExistsError)) throw error;
      // The name is unique: a try before has come through, and its answer was lost. What it counted is not known.
      series.exists = true;
      if (event.series !== undefined) await this.#patch(series, { series: event.series }, signal);
    }
  }

  async #create(event: ReturnType<Series["event"]>, signal: AbortSignal): Promise<void> {
    this.#options.observer.onWrite("create");
    await this.#options.sink.create(Events, event, { ...CALL, signal });
  }

  async #patch({ content, name }: Series, body: object, signal: AbortSignal): Promise<void> {
    this.#options.observer.onWrite("patch");
    const key = { namespace: namespaceOf(content), name };
    // The series replaces the one before; all other fields of an Event can never change.
    await this.#options.sink.patch(Events, key, body, { ...CALL, type: "merge", signal });
  }
}

/** Tries are the recorder's business; of the answer nothing is needed. */
const CALL = { timeout: TIMEOUT, retries: 0, project: { metadata: {} } } as const;

const outcomeOf = (error: unknown, series: Series): WriteOutcome => {
  const after = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
  if (isAboutServer(error)) return { kind: "retry", concerns: "server", after, error };
  if (isPassing(error, series)) return { kind: "retry", concerns: "event", after, error };
  return { kind: "refused", reason: refusalReason(error), error };
};

const isAboutServer = (error: unknown): boolean =>
  error instanceof ConnectionError ||
  error instanceof TooManyRequestsError ||
  error instanceof ServiceUnavailableError ||
  error instanceof UnauthorizedError;

const isPassing = (error: unknown, { exists }: Series): boolean =>
  error instanceof DeadlineError ||
  error instanceof DecodeError ||
  (error instanceof ApiError && error.code >= 500) ||
  // It was there a moment ago; of an Event that is created it is the namespace that is not found.
  (error instanceof NotFoundError && exists);

const refusalReason = (error: unknown): DropReason => {
  if (error instanceof NotFoundError) return "namespace_gone";
  if (!(error instanceof ForbiddenError)) return "rejected";
  return error.hasCause("NamespaceTerminating") ? "namespace_gone" : "forbidden";
};
