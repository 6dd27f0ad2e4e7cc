import type { Undated } from "../controllers/conditions.ts";
import { shorten } from "../controllers/conditions.ts";
import type { Workload } from "./rollout-verdict.ts";

/** What is said of a rollout. */
export interface RolloutState {
  readonly condition: Omit<Undated, "type">;
  /** Milliseconds after which to look again: what it waits for is not watched. */
  readonly again?: number | undefined;
  /** What went wrong, to be thrown once the status is written. */
  readonly error?: unknown;
}

/** The states of a rollout, in the words of its condition. */
export const rolloutStates = {
  done: (): RolloutState => ({
    condition: { status: "True", reason: "UpToDate", message: "No Pod has an older revision." },
  }),
  rolling: (message: string, again: number): RolloutState => ({
    condition: { status: "False", reason: "Rolling", message: shorten(message) },
    again,
  }),
  stuck: (workload: Pick<Workload, "kind" | "name">, again: number): RolloutState => ({
    condition: {
      status: "False",
      reason: "Stuck",
      message: `${workload.kind} ${workload.name} was restarted and does not come up: no other workload is restarted until it does; look at its Pods, then mend the Watcher or the workload`,
    },
    again,
  }),
  failing: (pods: readonly string[]): RolloutState => ({
    condition: {
      status: "False",
      reason: "InjectionFailing",
      message: shorten(
        `restarted Pods did not get it (${named(pods)}), so nothing more is restarted: see that the webhook is reached, then delete them`,
      ),
    },
  }),
  left: (left: readonly string[], again: number): RolloutState => ({
    condition: {
      status: "False",
      reason: "NotRestartable",
      message: shorten(`Pods with an older revision are left to you: ${left.join("; ")}`),
    },
    again,
  }),
  forbidden: (message: string, again: number): RolloutState => ({
    condition: { status: "False", reason: "Forbidden", message: shorten(message) },
    again,
  }),
} as const;

const NAMED = 5;

/** The first few, and how many more. */
export const named = (names: readonly string[]): string =>
  names.length <= NAMED ? names.join(", ") : `${names.slice(0, NAMED).join(", ")} and ${names.length - NAMED} more`;
