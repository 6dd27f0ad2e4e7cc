import type { EventType } from "./event.ts";

/**
 * Why Events were dropped:
 * - `invalid`: the API would not take it, whatever happens: no name, a reason that is too long. A fault of the caller.
 * - `rate_limited`: too many different Events about one object.
 * - `queue_full`: too many new ones wait to be written.
 * - `forbidden`: the permission is missing, or a quota or a webhook says no.
 * - `namespace_gone`: the namespace is being deleted, or is not there.
 * - `rejected`: the server found it wrong.
 * - `failed`: no try succeeded.
 * - `stopped`: the process stopped before it could be written.
 */
export type DropReason =
  | "invalid"
  | "rate_limited"
  | "queue_full"
  | "forbidden"
  | "namespace_gone"
  | "rejected"
  | "failed"
  | "stopped";

/** What an event recorder tells about itself as it happens. Each call of `event` ends up in one of the first two. */
export interface EventObserver {
  /** The server has `count` more Events of this type, new ones or in the count of a series. */
  onRecorded(type: EventType, count: number): void;
  /** `count` Events will never be seen. */
  onDropped(reason: DropReason, count: number): void;
  /** A request was sent. */
  onWrite(operation: "create" | "patch"): void;
}

const nothing = () => {};

/** For a recorder without metrics. */
export const unobserved: EventObserver = { onRecorded: nothing, onDropped: nothing, onWrite: nothing };
