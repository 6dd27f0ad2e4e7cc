import type { Status, StatusDetails } from "kubernetes-types/meta/v1.d.ts";

/** The reason where there is none. */
const UNKNOWN = "Unknown";

/** What an API server said no to, and how. */
export interface ApiErrorInit {
  readonly status: Status;
  /** `GET /api/v1/...`, for messages. */
  readonly request: string;
  /** From the `Retry-After` header, milliseconds. */
  readonly retryAfter?: number | undefined;
}

/**
 * The API server answered with an error. Each reason that code reacts to has a class of its own below; every other
 * reason is a plain `ApiError` with `reason` and `code` set.
 *
 * Reasons: https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/types.go (`StatusReason`).
 */
export class ApiError extends Error {
  /** HTTP status. */
  readonly code: number;
  /** The API's reason, `Unknown` where the server gave none. */
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  /** How long the server asks to be left alone, milliseconds. */
  readonly retryAfter: number | undefined;
  /** Method and path of the request. */
  readonly request: string;

  constructor({ status, request, retryAfter }: ApiErrorInit) {
    super(`${request}: ${status.message || status.reason || `HTTP ${status.code}`}`);
    this.name = new.target.name;
    this.code = status.code ?? 500;
    this.reason = status.reason || UNKNOWN;
    this.details = status.details;
    this.retryAfter = retryAfter;
    this.request = request;
  }

  /** Whether the server gave `reason` as one of the causes (`NamespaceTerminating`, `FieldValueInvalid`). */
  hasCause(reason: string): boolean {
    return this.details?.causes?.some((cause) => cause.reason === reason) ?? false;
  }
}

/** 401: the credential is not, or no longer, accepted. */
export class UnauthorizedError extends ApiError {}
/** 403: RBAC, a quota, an admission plugin or a terminating namespace says no. */
export class ForbiddenError extends ApiError {}
/** 404: no such object, or no such resource. */
export class NotFoundError extends ApiError {}
/** 409: an object of that name is there already. */
export class AlreadyExistsError extends ApiError {}
/** 409: the object changed since it was read, or a precondition does not hold. */
export class ConflictError extends ApiError {}
/** 410: the resourceVersion or the continue token is too old: list again. */
export class ExpiredError extends ApiError {}
/** 422: the object is not valid. */
export class InvalidError extends ApiError {}
/** 400: the request makes no sense to the server. */
export class BadRequestError extends ApiError {}
/** 429: later. `retryAfter` says when. */
export class TooManyRequestsError extends ApiError {}
/** 413: the object is larger than the server takes. */
export class RequestEntityTooLargeError extends ApiError {}
/** 503: the server is not ready, or shutting down. */
export class ServiceUnavailableError extends ApiError {}
/** 504 or 500: the server could not answer in time; the request may have been carried out. */
export class ServerTimeoutError extends ApiError {}
/** 500. */
export class InternalError extends ApiError {}

const byReason: ReadonlyMap<string, typeof ApiError> = new Map(
  Object.entries({
    Unauthorized: UnauthorizedError,
    Forbidden: ForbiddenError,
    NotFound: NotFoundError,
    AlreadyExists: AlreadyExistsError,
    Conflict: ConflictError,
    Gone: ExpiredError,
    Expired: ExpiredError,
    Invalid: InvalidError,
    BadRequest: BadRequestError,
    TooManyRequests: TooManyRequestsError,
    RequestEntityTooLarge: RequestEntityTooLargeError,
    ServiceUnavailable: ServiceUnavailableError,
    Timeout: ServerTimeoutError,
    ServerTimeout: ServerTimeoutError,
    InternalError,
  }),
);

/** Reasons for answers that carry none: from proxies, from handlers outside the API machinery. */
const reasonOfCode: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  410: "Gone",
  413: "RequestEntityTooLarge",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

/**
 * The typed error for a `Status`. A reason that is not the API's own, such as an admission webhook may give, leaves the
 * class to the code, as in client-go.
 */
export const apiError = (init: ApiErrorInit): ApiError => {
  const { status } = init;
  const usual = reasonOfCode[status.code ?? 0];
  const reason = status.reason || usual;
  const type = byReason.get(reason ?? UNKNOWN) ?? byReason.get(usual ?? UNKNOWN) ?? ApiError;
  return new type({ ...init, status: reason === undefined ? status : { ...status, reason } });
};

/** The connection failed before a whole answer was there. `sent` = the server may have carried the request out. */
export class ConnectionError extends Error {
  readonly request: string;
  readonly sent: boolean;

  constructor(request: string, options: { readonly cause: unknown; readonly sent: boolean }) {
    super(`${request}: ${describe(options.cause)}`, { cause: options.cause });
    this.name = "ConnectionError";
    this.request = request;
    this.sent = options.sent;
  }
}

/** A deadline passed: of a request, or of a reconcile. */
export class DeadlineError extends Error {
  /** `last`: how the last of several tries failed, where there were some. */
  constructor(what: string, milliseconds: number, { last }: { readonly last?: unknown } = {}) {
    const why = last === undefined ? "" : ` (last: ${describe(last)})`;
    super(`${what}: no result within ${milliseconds / 1000} s${why}`, last === undefined ? {} : { cause: last });
    this.name = "DeadlineError";
  }
}

/** The answer's body is not what the API promises. */
export class DecodeError extends Error {
  constructor(request: string, cause: unknown) {
    super(`${request}: the answer cannot be decoded: ${describe(cause)}`, { cause });
    this.name = "DecodeError";
  }
}

/**
 * Wraps the cause of a failed reconcile that trying again will not mend: it is reported, and the key waits for a change.
 */
export class TerminalError extends Error {
  /** What kind of trouble, for metrics: `template`, `size`, `conflict`. */
  readonly type: string | undefined;

  constructor(message: string, options: ErrorOptions & { readonly type?: string } = {}) {
    super(message, options);
    this.name = "TerminalError";
    this.type = options.type;
  }
}

/** What was read was out of date: look again soon. Not a fault, so it is not logged as one. */
export class StaleError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StaleError";
  }
}

/** One line that names an error, with the code where it is a system error whose message is empty. */
export const describe = (error: unknown): string => {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(describe).join("; ");
  if (!(error instanceof Error)) return String(error);
  // OpenSSL's messages end with a line break.
  const message = error.message.replace(/\s*[\r\n]\s*/g, " ").trim();
  return message || ("code" in error ? String(error.code) : error.name);
};
