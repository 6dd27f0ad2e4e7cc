import type { Action } from "@pcmc/devcluster";
import { seededRandom } from "../integration/support/seeded-random.ts";
import { Dice } from "./dice.ts";
import { createConfig, createPod, userStep } from "./generate-users.ts";
import type { Collection, FaultStep, Step, Story } from "./story.ts";

const COLLECTIONS: readonly Collection[] = ["pods", "configmaps", "podconfigmapconfigs"];
/** Longer than the lease lasts, so that whoever is paused for so long has lost it. Milliseconds. */
const LONGER_THAN_THE_LEASE = 7_000;

/** The story of a seed: always the same. */
export const storyOf = (seed: number): Story => {
  const dice = new Dice(seededRandom(seed));
  const replicas = dice.weighted([
    [7, () => 1],
    [2, () => 2],
    [1, () => 3],
  ]);
  const steps: Step[] = [];
  for (let left = dice.between(2, 5); left > 0; left--) steps.push(createPod(dice));
  for (let left = dice.between(1, 3); left > 0; left--) steps.push(createConfig(dice));
  // Else all of it happens to managers that are just starting.
  if (dice.chance(0.85)) steps.push({ do: "await-ready" });
  // A server takes seconds to come back: once a story, and not in each.
  const serverAt = dice.chance(0.25) ? dice.between(10, 30) : -1;
  for (let beat = 0, beats = dice.between(25, 45); beat < beats; beat++) {
    if (beat === serverAt) steps.push(serverStep(dice));
    steps.push(...beatOf(dice, replicas));
  }
  return { seed, replicas, steps };
};

/** One or a few steps that belong together. */
const beatOf = (dice: Dice, replicas: number): readonly Step[] => {
  const replica = dice.between(0, replicas - 1);
  return dice.weighted<readonly Step[]>([
    [12, () => [userStep(dice)]],
    [3, () => [{ do: "wait", ms: dice.between(5, 200) }]],
    [4, () => [networkStep(dice, replica)]],
    [1, () => [{ do: "calm", replica }]],
    [1, () => managerSteps(dice, replica)],
    ...(replicas > 1 ? ([[2, () => leaseSteps(dice, replica)]] as const) : []),
  ]);
};

const networkStep = (dice: Dice, replica: number): FaultStep =>
  dice.weighted<FaultStep>([
    [2, () => ({ do: "break-connections", replica })],
    [2, () => ({ do: "rewind", replica, of: dice.pick(COLLECTIONS), age: dice.between(0, 4) })],
    [4, () => ({ do: "fault", replica, on: "watch", ...scope(dice), how: watchFault(dice) })],
    [5, () => ({ do: "fault", replica, on: "write", ...scope(dice), how: callFault(dice) })],
    [1, () => ({ do: "fault", replica, on: "any", times: dice.between(1, 6), how: callFault(dice) })],
  ]);

const scope = (dice: Dice) => ({
  ...(dice.chance(0.6) && { of: dice.pick(COLLECTIONS) }),
  times: dice.between(1, 4),
});

const watchFault = (dice: Dice): Action => {
  const at = { events: dice.between(0, 6), bytes: dice.pick([0, 2, 30, 200]) };
  return dice.weighted<Action>([
    [3, () => ({ type: "cut", at })],
    [1, () => ({ type: "cut", at: { insideCharacter: true } })],
    // Without a word, as a server does to watchers that are too slow.
    [2, () => ({ type: "end", at: { events: at.events } })],
    [1, () => ({ type: "end", at })],
    [2, () => ({ type: "stall", at })],
    [2, () => ({ type: "lag", ms: dice.between(50, 600) })],
    [1, () => ({ type: "rechunk", into: { upTo: dice.pick([1, 7, 100]), seed: dice.between(1, 1_000) } })],
    [1, () => ({ type: "replay", age: dice.between(0, 4) })],
    [1, () => ({ type: "blackhole" })],
    [2, () => refusal(dice.pick([410, 429, 500, 503]), dice)],
  ]);
};

const callFault = (dice: Dice): Action =>
  dice.weighted<Action>([
    [2, () => ({ type: "delay", ms: dice.between(20, 800) })],
    [2, () => ({ type: "lose-answer" })],
    [2, () => ({ type: "cut-request" })],
    [1, () => ({ type: "blackhole" })],
    [3, () => refusal(dice.pick([429, 500, 503]), dice)],
  ]);

const REASONS: Readonly<Record<number, string>> = {
  410: "Expired",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
};

const refusal = (status: number, dice: Dice): Action => ({
  type: "answer",
  status,
  ...((status === 429 || status === 503) && dice.chance(0.5) && { headers: { "retry-after": "1" } }),
  body: {
    kind: "Status",
    apiVersion: "v1",
    status: "Failure",
    code: status,
    reason: REASONS[status],
    message: "chaos",
  },
});

const managerSteps = (dice: Dice, replica: number): readonly Step[] =>
  dice.weighted<readonly Step[]>([
    [4, () => [{ do: "kill-manager", replica }, ...awhile(dice), { do: "start-manager", replica }]],
    [1, () => [{ do: "stop-manager", replica }, ...awhile(dice), { do: "start-manager", replica }]],
    [1, () => [{ do: "pause-manager", replica }, ...awhile(dice), { do: "resume-manager", replica }]],
  ]);

/** What users do meanwhile. */
const awhile = (dice: Dice): readonly Step[] => Array.from({ length: dice.between(0, 4) }, () => userStep(dice));

const serverStep = (dice: Dice): FaultStep => ({
  do: "restart-server",
  component: dice.pick(["kube-apiserver", "etcd"]),
  downFor: dice.between(0, 500),
});

const leaseSteps = (dice: Dice, replica: number): readonly Step[] => {
  const skewHours = dice.pick([-12, 0, 12]);
  return dice.weighted<readonly Step[]>([
    [3, () => [{ do: "steal-lease", skewHours }]],
    [2, () => [{ do: "skew-lease", skewHours }]],
    [2, () => [{ do: "delete-lease" }]],
    [
      1,
      () => [
        { do: "pause-manager", replica },
        ...awhile(dice),
        { do: "wait", ms: LONGER_THAN_THE_LEASE },
        { do: "resume-manager", replica },
      ],
    ],
    [2, () => [{ do: "fault", replica, on: "any", of: "leases", times: dice.between(1, 8), how: callFault(dice) }]],
  ]);
};
