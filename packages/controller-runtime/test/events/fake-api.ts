import type { Event } from "kubernetes-types/events/v1.d.ts";
import type { PatchOptions, WriteOptions } from "../../src/client/client.ts";
import { apiError, ConnectionError } from "../../src/errors.ts";
import type { EventSink } from "../../src/events/writer.ts";
import type { KubernetesObject, ObjectKey, Stored } from "../../src/object.ts";
import type { Resource } from "../../src/resource.ts";

/**
 * What goes wrong with one request:
 * - `fine`: nothing; `away`: no connection; `lost`: it is carried out, and the answer does not arrive;
 * - `slow`: nothing happens until `release`, or until it is aborted;
 * - a number: the server answers so, for `reason`, and does nothing.
 */
export type Fault =
  | "fine"
  | "away"
  | "lost"
  | "slow"
  | { readonly code: number; readonly reason: string; readonly cause?: string; readonly retryAfter?: number };

export const FORBIDDEN: Fault = { code: 403, reason: "Forbidden" };
export const TERMINATING: Fault = { code: 403, reason: "Forbidden", cause: "NamespaceTerminating" };
export const BROKEN: Fault = { code: 500, reason: "InternalError" };

/** The Events of a server, with the server's rules for them; the next requests meet the faults of `script`. */
export class FakeApi implements EventSink {
  readonly events = new Map<string, Event>();
  /** The highest count ever stored by name: what a reader could have seen, also of Events that are gone. */
  readonly highest = new Map<string, number>();
  /** `create <name>` or `patch <name>`. */
  readonly requests: string[] = [];
  readonly script: Fault[] = [];
  /** Requests under way: never more than one. */
  open = 0;
  #held: (() => void)[] = [];

  get stored(): Event[] {
    return [...this.events.values()];
  }

  /** Each count as it is stored: 1 for an Event without a series. */
  get counts(): number[] {
    return this.stored.map(countOf);
  }

  /** What happens to Events after an hour. */
  expireAll(): void {
    this.events.clear();
  }

  /** Lets slow requests go on. */
  release(): void {
    for (const resolve of this.#held.splice(0)) resolve();
  }

  create<T extends KubernetesObject>(
    _resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<Stored<T>> {
    // The casts are the boundary: this API serves one type.
    const event = object as unknown as Event;
    const name = event.metadata?.name ?? "";
    return this.#request(`create ${name}`, options, () => {
      if (this.events.has(name)) throw refusal({ code: 409, reason: "AlreadyExists" });
      this.#store(event);
    }) as unknown as Promise<Stored<T>>;
  }

  patch<T extends KubernetesObject>(
    _resource: Resource<T>,
    { name }: ObjectKey,
    body: Partial<Event>,
    options: PatchOptions,
  ): Promise<Stored<T>> {
    return this.#request(`patch ${name}`, options, () => {
      const event = this.events.get(name);
      if (event === undefined) throw refusal({ code: 404, reason: "NotFound" });
      this.#store({ ...event, ...structuredClone(body) });
    }) as unknown as Promise<Stored<T>>;
  }

  async #request(line: string, { signal }: WriteOptions, carryOut: () => void): Promise<undefined> {
    this.requests.push(line);
    if (++this.open > 1) throw new Error("two requests at a time");
    try {
      await Promise.resolve();
      const fault = this.script.shift();
      if (fault === "away") throw new ConnectionError(line, { cause: new Error("refused"), sent: false });
      if (fault === "slow") await this.#released(signal);
      if (typeof fault === "object") throw refusal(fault);
      carryOut();
      if (fault === "lost") throw new ConnectionError(line, { cause: new Error("reset"), sent: true });
      return undefined;
    } finally {
      this.open -= 1;
    }
  }

  #released(signal: WriteOptions["signal"]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#held.push(resolve);
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }

  #store(event: Event): void {
    const name = event.metadata?.name ?? "";
    if (event.series !== undefined && event.series.count < 2) throw refusal({ code: 422, reason: "Invalid" });
    this.events.set(name, structuredClone(event));
    this.highest.set(name, Math.max(countOf(event), this.highest.get(name) ?? 0));
  }
}

const countOf = ({ series }: Event): number => series?.count ?? 1;

const refusal = ({ code, reason, cause, retryAfter }: Exclude<Fault, string>): Error => {
  const details = cause === undefined ? {} : { details: { causes: [{ reason: cause }] } };
  return apiError({
    request: "POST /events",
    status: { code, reason, message: `no: ${reason}`, ...details },
    retryAfter,
  });
};
