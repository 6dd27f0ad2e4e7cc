import type { Condition } from "../api/conditions.ts";

/** A message is for reading. */
const MESSAGE_LENGTH = 1_024;

/** A condition before it is known since when its status stands. */
export type Undated = Omit<Condition, "lastTransitionTime" | "observedGeneration">;

/** Keeps the time of the last transition while `status` stays (KEP-1623). */
export const dated = (
  condition: Omit<Condition, "lastTransitionTime">,
  { before, now }: { readonly before: readonly Condition[]; readonly now: Date },
): Condition => {
  const old = before.find(({ type }) => type === condition.type);
  const lastTransitionTime =
    old?.status === condition.status ? old.lastTransitionTime : now.toISOString().replace(/\.\d+Z$/, "Z");
  return { ...condition, lastTransitionTime };
};

/** Whether two lists say the same, in whatever order. */
export const sameConditions = (a: readonly Condition[] = [], b: readonly Condition[] = []): boolean =>
  JSON.stringify(byType(a)) === JSON.stringify(byType(b));

/** The condition of a type, if there is one. */
export const conditionOf = (conditions: readonly Condition[] = [], type: string): Condition | undefined =>
  conditions.find((condition) => condition.type === type);

/** `text`, cut to so many UTF-16 units; never through the middle of a character. */
export const shorten = (text: string, most: number = MESSAGE_LENGTH): string =>
  text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…`;

/** Conditions in one order, with their fields in one order. */
const byType = (conditions: readonly Condition[]) =>
  conditions
    .map(({ type, status, observedGeneration, lastTransitionTime, reason, message }) => [
      type,
      status,
      observedGeneration,
      lastTransitionTime,
      reason,
      message,
    ])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
