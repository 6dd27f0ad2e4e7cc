import type { StatusCause } from "kubernetes-types/meta/v1.d.ts";

/** One operation of a JSON patch (RFC 6902). */
export type PatchOperation =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "move" | "copy"; readonly from: string; readonly path: string };

interface ResultExtras {
  /** Shown to whoever made the request. The API server shows 256 characters of each and 4,096 in all. */
  readonly warnings?: readonly string[] | undefined;
  /** Put into the audit log, each under `WEBHOOK/NAME`. */
  readonly auditAnnotations?: Readonly<Record<string, string>> | undefined;
}

export interface Allowed extends ResultExtras {
  readonly allowed: true;
  /** What to change of the object first. Only a mutating webhook may; empty = nothing. */
  readonly patch?: readonly PatchOperation[] | undefined;
}

export interface Denied extends ResultExtras {
  readonly allowed: false;
  /** HTTP status of the answer that the client gets, from 400 on. */
  readonly code: number;
  /** `metav1.StatusReason`: `Forbidden`, `Invalid`. */
  readonly reason: string;
  readonly message: string;
  /** What is wrong, field by field. */
  readonly causes: readonly StatusCause[];
}

/** What a handler says to a request. */
export type AdmissionResult = Allowed | Denied;

/** Lets a request pass. */
export const allow = (extras: Omit<Allowed, "allowed"> = {}): Allowed => ({ allowed: true, ...extras });

export interface DenyOptions extends ResultExtras {
  readonly message: string;
  /** Default 403. */
  readonly code?: number | undefined;
  /** Default `Forbidden`; `Invalid` goes with 422. */
  readonly reason?: string | undefined;
  readonly causes?: readonly StatusCause[] | undefined;
}

/** Refuses a request. The client reads `admission webhook "NAME" denied the request: MESSAGE`. */
export const deny = ({ message, code = 403, reason = "Forbidden", causes = [], ...extras }: DenyOptions): Denied => ({
  allowed: false,
  message,
  code,
  reason,
  causes,
  ...extras,
});

/** Refuses an object that is not valid: code 422, reason `Invalid`, as the API server's own validation does. */
export const invalid = (options: Omit<DenyOptions, "code" | "reason">): Denied =>
  deny({ ...options, code: 422, reason: "Invalid" });
