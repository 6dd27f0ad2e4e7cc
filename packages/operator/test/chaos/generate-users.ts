import type { Dice } from "./dice.ts";
import type { Edit, SpecPatch, UserStep, Values } from "./story.ts";

/** Several pairs of these have one readable name, and some names are too long for one. */
const PODS = ["a", "a-from-b", "a-from-b-from-c", "web", "p".repeat(250)];
const CONFIGS = ["c-from-d", "d", "b-from-c-from-d", "app", "e".repeat(100)];
const SIDES = ["left", "right"];
const EDITS: readonly Edit[] = [
  "add-data",
  "change-data",
  "remove-data",
  "add-binary-data",
  "add-label",
  "strip-labels",
  "strip-owner",
  "make-immutable",
];

/** A Pod for the beginning of a story. */
export const createPod = (dice: Dice): UserStep => ({
  do: "create-pod",
  pod: dice.pick(PODS),
  labels: labels(dice),
  annotations: annotations(dice),
  ...(dice.chance(0.15) && { held: true as const }),
});

/** A PodConfigMapConfig for the beginning of a story. */
export const createConfig = (dice: Dice): UserStep => ({
  do: "create-config",
  config: dice.pick(CONFIGS),
  spec: specOf(dice),
});

/** Something that a user does. */
export const userStep = (dice: Dice): UserStep =>
  dice.weighted<UserStep>([
    [5, () => createPod(dice)],
    [3, () => ({ do: "label-pod", pod: dice.pick(PODS), labels: labels(dice) })],
    [2, () => ({ do: "annotate-pod", pod: dice.pick(PODS), annotations: annotations(dice) })],
    [1, () => ({ do: "set-phase", pod: dice.pick(PODS), phase: dice.pick(["Running", "Succeeded", "Failed"]) })],
    [2, () => ({ do: "delete-pod", pod: dice.pick(PODS) })],
    [1, () => ({ do: "release-pod", pod: dice.pick(PODS) })],
    [2, () => ({ do: "replace-pod", pod: dice.pick(PODS), labels: labels(dice) })],
    [3, () => createConfig(dice)],
    [4, () => ({ do: "change-config", config: dice.pick(CONFIGS), spec: specOf(dice) })],
    [2, () => ({ do: "delete-config", config: dice.pick(CONFIGS) })],
    [5, () => ({ do: "edit-configmap", ...pair(dice), edit: dice.pick(EDITS) })],
    [3, () => ({ do: "delete-configmap", ...pair(dice) })],
    [2, () => ({ do: "foreign-configmap", ...pair(dice), labelled: dice.chance(0.5) })],
  ]);

const pair = (dice: Dice) => ({ pod: dice.pick(PODS), config: dice.pick(CONFIGS) });

const labels = (dice: Dice): Values => ({
  side: dice.pick(SIDES),
  "example.com/tier": dice.pick(["gold", null]),
});

const annotations = (dice: Dice): Values => ({ note: dice.pick(["Zoë", "plain", null]) });

/** A spec that admission accepts. */
const specOf = (dice: Dice): SpecPatch => ({
  podSelector: dice.weighted<object | null>([
    [3, () => null],
    [3, () => ({ matchLabels: { side: dice.pick(SIDES) } })],
    [1, () => ({ matchExpressions: [{ key: "side", operator: "NotIn", values: [dice.pick(SIDES)] }] })],
    [1, () => ({ matchExpressions: [{ key: "example.com/tier", operator: dice.pick(["Exists", "DoesNotExist"]) }] })],
  ]),
  labelsToInclude: dice.pick([["side"], ["side", "example.com/tier"], null]),
  annotationsToInclude: dice.pick([["note"], null]),
  ebpfConfig: dice.chance(0.4) ? ebpfConfigOf(dice) : null,
});

const ebpfConfigOf = (dice: Dice): object => ({
  l4Firewall: {
    enabled: dice.chance(0.5),
    allowedPorts: dice.pick([[], [80, 443]]),
    blockedPorts: dice.pick([[], [22]]),
    defaultAction: dice.pick(["allow", "block"]),
  },
  ...(dice.chance(0.5) && { metricsExport: { enabled: dice.chance(0.5), updateInterval: dice.pick(["30s", "1m"]) } }),
});
