import type { Stored } from "@pcmc/controller-runtime";
import type { Watcher } from "../api/watcher.ts";
import { listOf } from "./injected.ts";

/**
 * Annotation of a workload's Pod template: for which changes it was restarted, `<watcher>=<revision>@<generation>`, sorted, with
 * commas between. It is what makes a restart happen once, whoever leads; the Pods have it too.
 */
export const RESTARTED_FOR = "watch.example.com/restarted-for";
/** What `kubectl rollout restart` writes. */
export const RESTARTED_AT = "kubectl.kubernetes.io/restartedAt";
/** Annotation of the workload itself, in JSON: `LastRestart`. Written with the two on the template. */
export const LAST_RESTART = "watch.example.com/last-restart";

/** What our last restart of a workload was. */
export interface LastRestart {
  /** The workload's `metadata.generation` that it came to: as long as it stands, what rolls is our restart. */
  readonly generation: number;
  /** How many of its Pods were not available before it. */
  readonly unavailable: number;
  /** The Watchers that it was for. */
  readonly watchers: readonly string[];
}

/**
 * What a Watcher has been changed to: the revision, and the generation of the Watcher, as a revert comes to a revision that
 * workloads may have been restarted for before.
 */
export const changeOf = ({ metadata }: Pick<Stored<Watcher>, "metadata">, revision: string): string =>
  `${revision}@${metadata.generation ?? 0}`;

/** The revision of a change. */
export const revisionIn = (change: string): string => change.split("@", 1)[0] ?? "";

/** Reads `RESTARTED_FOR`, whoever wrote it: Watcher -> change. */
export const restartedForIn = (
  annotations: Readonly<Record<string, string>> | undefined,
): ReadonlyMap<string, string> =>
  new Map(
    listOf(annotations?.[RESTARTED_FOR]).flatMap((entry) => {
      const at = entry.indexOf("=");
      return at < 0 ? [] : [[entry.slice(0, at), entry.slice(at + 1)] as const];
    }),
  );

/** Reads `LAST_RESTART`, whoever wrote it; `undefined` where it says nothing that makes sense. */
export const lastRestartIn = (annotations: Readonly<Record<string, string>> | undefined): LastRestart | undefined => {
  const text = annotations?.[LAST_RESTART];
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isLastRestart(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

const isLastRestart = (value: unknown): value is LastRestart => {
  if (typeof value !== "object" || value === null) return false;
  const { generation, unavailable, watchers }: Partial<Record<keyof LastRestart, unknown>> = value;
  const areNumbers = Number.isInteger(generation) && Number.isInteger(unavailable);
  return areNumbers && Array.isArray(watchers) && watchers.every((name) => typeof name === "string");
};

/** What a restart writes. */
export interface RestartAnnotations {
  readonly workload: Readonly<Record<string, string>>;
  readonly template: Readonly<Record<string, string>>;
}

/** What a restart is about. */
export interface Restart {
  /** Watcher -> change that the new Pods get. */
  readonly changes: ReadonlyMap<string, string>;
  /** Whether a Watcher still exists: marks of others go. */
  readonly exists: (watcher: string) => boolean;
  /** See `LastRestart`. */
  readonly unavailable: number;
  readonly now: Date;
}

/** The annotations that restart a workload: those of `kubectl rollout restart`, and for what. */
export const restartAnnotations = (
  { restartedFor, generation }: { readonly restartedFor: ReadonlyMap<string, string>; readonly generation: number },
  { changes, exists, unavailable, now }: Restart,
): RestartAnnotations => {
  const kept = [...restartedFor].filter(([watcher]) => exists(watcher));
  const marks = [...new Map([...kept, ...changes])].map(([watcher, change]) => `${watcher}=${change}`);
  const watchers = [...changes.keys()].filter((watcher) => restartedFor.get(watcher) !== changes.get(watcher)).sort();
  // The write names the version that was read, so it makes the very next generation or fails.
  const last: LastRestart = { generation: generation + 1, unavailable, watchers };
  return {
    workload: { [LAST_RESTART]: JSON.stringify(last) },
    template: {
      [RESTARTED_AT]: now.toISOString().replace(/\.\d+Z$/, "Z"),
      [RESTARTED_FOR]: marks.sort().join(","),
    },
  };
};
