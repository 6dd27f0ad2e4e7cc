/*
 * Whose Pod is it? Invariants:
 * - Only a chain of UIDs from Pod to ReplicaSet to Deployment, all of one namespace, makes a Pod the Deployment's.
 * - Every link of it must be one that Kubernetes' own controllers would keep: the upper object selects the lower one.
 * - What a Pod is called, which phase it is in, and whether it is terminating, does not matter.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { controllerOf, currentPods, type Selecting, uidKeyOf } from "../../src/podlogreader/current-pods.ts";
import { type Member, member } from "./fixtures.ts";

const LABELS = { app: "web", "pod-template-hash": "1a2b" };
const deployment = member({ name: "web", selects: { app: "web" } });
const replicaSet: Member = {
  name: "web-1a2b",
  labels: LABELS,
  controller: { kind: "Deployment", uid: "uid-of-web" },
  selects: LABELS,
};
const pod: Member = { name: "web-1a2b-x", labels: LABELS, controller: { kind: "ReplicaSet", uid: "uid-of-web-1a2b" } };

const namesOf = (sets: readonly Member[], pods: readonly Member[], of: Selecting = deployment): readonly string[] => {
  const byDeployment = Map.groupBy(sets.map(member), (set) => controllerOf("Deployment", set));
  const byReplicaSet = Map.groupBy(pods.map(member), (each) => controllerOf("ReplicaSet", each));
  return currentPods(of, {
    replicaSets: (uid) => byDeployment.get(uid) ?? [],
    pods: (uid) => byReplicaSet.get(uid) ?? [],
  });
};

test("a Pod of a ReplicaSet of the Deployment is its Pod", () => {
  expect(namesOf([replicaSet], [pod])).toEqual(["web-1a2b-x"]);
});

test("the Pods of all ReplicaSets count, in the order of their names", () => {
  const oldLabels = { app: "web", "pod-template-hash": "0000" };
  const old: Member = { ...replicaSet, name: "web-0000", labels: oldLabels, selects: oldLabels };
  const oldPod: Member = {
    name: "web-0000-y",
    labels: oldLabels,
    controller: { kind: "ReplicaSet", uid: "uid-of-web-0000" },
  };
  expect(namesOf([replicaSet, old], [pod, oldPod])).toEqual(["web-0000-y", "web-1a2b-x"]);
});

test("a Pod with the same labels and no controller is not the Deployment's", () => {
  const { controller: _, ...lookAlike } = pod;
  expect(namesOf([replicaSet], [{ ...lookAlike, name: "web-1a2b-alike" }])).toEqual([]);
});

test("a Pod whose controller has the right name and another UID is not the Deployment's", () => {
  expect(namesOf([replicaSet], [{ ...pod, controller: { kind: "ReplicaSet", uid: "uid-of-another" } }])).toEqual([]);
});

test("a Pod that names the ReplicaSet's UID but is not selected by it is not the Deployment's", () => {
  for (const labels of [undefined, { app: "web" }, { app: "db", "pod-template-hash": "1a2b" }]) {
    const { labels: _, ...rest } = pod;
    expect(namesOf([replicaSet], [{ ...rest, ...(labels && { labels }) }])).toEqual([]);
  }
});

test("a ReplicaSet that names the Deployment's UID but is not selected by it brings no Pods", () => {
  expect(namesOf([{ ...replicaSet, labels: { app: "db" } }], [pod])).toEqual([]);
});

test("UIDs of another kind or group lead nowhere", () => {
  expect(namesOf([replicaSet], [{ ...pod, controller: { kind: "StatefulSet", uid: "uid-of-web-1a2b" } }])).toEqual([]);
  const controller = { kind: "ReplicaSet", uid: "uid-of-web-1a2b", apiVersion: "example.com/v1" };
  expect(namesOf([replicaSet], [{ ...pod, controller }])).toEqual([]);
});

test("an owner that does not control makes no Pod the Deployment's", () => {
  const { metadata } = member(pod);
  const owned = metadata?.ownerReferences?.map(({ controller: _, ...reference }) => reference) ?? [];
  expect(controllerOf("ReplicaSet", { metadata: { ...metadata, ownerReferences: owned } })).toBeUndefined();
});

test("UIDs lead nowhere across namespaces", () => {
  expect(namesOf([replicaSet], [{ ...pod, namespace: "other" }])).toEqual([]);
  expect(namesOf([{ ...replicaSet, namespace: "other" }], [{ ...pod, namespace: "other" }])).toEqual([]);
});

test("a selector that is absent or cannot be read selects nothing", () => {
  const { selects: _, ...without } = replicaSet;
  expect(namesOf([without], [pod])).toEqual([]);
  const malformed = { ...deployment, spec: { selector: { matchExpressions: [{ key: "app", operator: "Near" }] } } };
  expect(namesOf([replicaSet], [pod], malformed)).toEqual([]);
});

test("selectors with expressions are understood too", () => {
  const expression = { key: "app", operator: "In", values: ["web", "shop"] };
  const matching = { ...deployment, spec: { selector: { matchExpressions: [expression] } } };
  expect(namesOf([replicaSet], [pod], matching)).toEqual(["web-1a2b-x"]);
  const both = { matchLabels: { app: "web" }, matchExpressions: [{ key: "tier", operator: "Exists" }] };
  expect(namesOf([replicaSet], [pod], { ...deployment, spec: { selector: both } })).toEqual([]);
});

test("whatever else there is in the namespace, exactly the Pods of the chain are named", () => {
  const uid = fc.constantFrom("uid-of-web-1a2b", "uid-of-web", "uid-of-another");
  const kind = fc.constantFrom("ReplicaSet", "Deployment", "StatefulSet");
  const labels = fc.constantFrom(LABELS, { app: "web" }, {});
  const stranger = fc.record({ controller: fc.record({ kind, uid }), labels });
  fc.assert(
    fc.property(fc.array(stranger), (strangers) => {
      const pods = strangers.map((each, i): Member => ({ name: `pod-${i}`, ...each }));
      const expected = pods.filter(
        (each) =>
          each.labels === LABELS && each.controller?.kind === "ReplicaSet" && each.controller.uid === "uid-of-web-1a2b",
      );
      expect(namesOf([replicaSet], [pod, ...pods])).toEqual(["web-1a2b-x", ...expected.map(({ name }) => name)].sort());
    }),
  );
});

test("a key of a UID tells namespaces apart", () => {
  expect(uidKeyOf(member(pod))).toBe("shop/uid-of-web-1a2b-x");
});
