import { ApiError, ConnectionError, DeadlineError, describe, UnauthorizedError } from "../errors.ts";
import type { LogFields } from "../log.ts";
import { SilentError } from "./liveness.ts";
import type { Problem } from "./reflector.ts";

/** One watch of a cache: of a resource, in one namespace or (`""`) in all. */
export interface Watched {
  /** As users name it: `deployments.apps`. */
  readonly resource: string;
  readonly namespace: string;
}

/** What keeps one or more watches from working, as the log tells it. */
export interface Trouble {
  /** Watches whose troubles have equal keys have the same trouble, and it is told once. */
  readonly key: string;
  readonly level: "warning" | "error";
  /** What is wrong and what to do. */
  readonly text: (resources: readonly string[]) => string;
  /** What is said once no watch has it any more. */
  readonly over: string;
  readonly fields: LogFields;
  /** Told together for all watches that have it within this many milliseconds, and again for those that get it later. */
  readonly gather: number;
}

/** The refusals of one namespace come within a moment, one for each resource: they are one trouble, of one Role. */
const GATHER_REFUSALS = 1_000;

/** What a problem of a watch is, to whoever can mend it. */
export const troubleOf = (watched: Watched, { kind, error }: Problem): Trouble => {
  if (kind === "missing") return missing(watched);
  const cause = describe(error);
  if (kind === "forbidden") return forbidden(watched, cause);
  const ofServer = serverTrouble(error);
  if (ofServer !== undefined) return ofServer;
  const { resource } = watched;
  return {
    key: `failing: ${withoutRequest(error)}`,
    level: "warning",
    text: () => `cannot watch ${resource}; trying again`,
    over: "informers work again",
    fields: { ...placeOf(watched), cause },
    gather: 0,
  };
};

const missing = ({ resource }: Watched): Trouble => ({
  key: `missing: ${resource}`,
  level: "warning",
  text: () => `the API server does not know ${resource}: install its CRD; waiting for it`,
  over: `the API server knows ${resource} now`,
  fields: { resource },
  gather: 0,
});

const forbidden = (watched: Watched, cause: string): Trouble => {
  const { namespace } = watched;
  const place = namespace === "" ? "" : ` in namespace ${namespace}`;
  const remedy =
    namespace === ""
      ? 'grant "list" and "watch"'
      : 'grant "list" and "watch" there, or create the namespace if it is missing';
  return {
    key: `forbidden: ${namespace}`,
    level: "error",
    text: (resources) => `not allowed to list and watch ${resources.join(", ")}${place}: ${remedy}; waiting for it`,
    over: "allowed to list and watch again",
    fields: { ...placeOf(watched), cause },
    gather: GATHER_REFUSALS,
  };
};

const placeOf = ({ namespace }: Watched): LogFields => (namespace === "" ? {} : { namespace });

/** Trouble that is not that of a resource: whatever is asked for has it. */
export const serverTrouble = (error: unknown): Trouble | undefined => {
  const known = serverTroubleText(error);
  if (known === undefined) return undefined;
  const { key, text } = known;
  const over = "the API server answers again";
  return { key, level: "warning", text: () => text, over, fields: { cause: describe(error) }, gather: 0 };
};

const serverTroubleText = (error: unknown): { readonly key: string; readonly text: string } | undefined => {
  if (error instanceof UnauthorizedError) {
    const text = "the API server does not accept our credentials: renew them; trying again";
    return { key: "unauthorized", text };
  }
  if (error instanceof DeadlineError || error instanceof SilentError) {
    const text = "the API server does not answer: check its load and the network; trying again";
    return { key: "silent", text };
  }
  if (!(error instanceof ConnectionError)) return undefined;
  if (error.sent) {
    const text = "connections to the API server break: check it, and what is in between; trying again";
    return { key: "broken", text };
  }
  const text = "cannot reach the API server: check that it runs, its address and its CA; trying again";
  return { key: "unreachable", text };
};

/** The message without the request, which differs from watch to watch. */
const withoutRequest = (error: unknown): string => {
  const text = describe(error);
  return error instanceof ApiError && text.startsWith(`${error.request}: `)
    ? text.slice(error.request.length + 2)
    : text;
};
