/*
 * Invariants
 * - Whoever a ConfigMap of others' doing can be about is looked at: its owner before and after, the Pod of its label, all Pods
 *   whose readable name it has.
 * - Of a write of ours only the others hear, and only where there are others.
 */
import type { Change, Stored } from "@pcmc/controller-runtime";
import { expect, test } from "vitest";
import type { DigestedConfigMap } from "../../src/controllers/digested-config-maps.ts";
import { podsConcerned } from "../../src/podconfigmap/fan-out.ts";
import { POD_UID } from "../../src/podconfigmap/ownership.ts";
import type { Sources } from "../../src/podconfigmap/sources.ts";

const marked = { metadata: { namespace: "ns", name: "marked", uid: "u", resourceVersion: "1" } };
// Of all sources, this alone is asked.
const sources = {
  pods: { byIndex: (_index: string, value: string) => (value === "ns/u" ? [marked] : []) },
} as unknown as Sources;

const configMap = (name: string, { owner, uid }: { owner?: string; uid?: string } = {}): Stored<DigestedConfigMap> => ({
  metadata: {
    namespace: "ns",
    name,
    uid: `uid of ${name}`,
    resourceVersion: "1",
    ...(uid === undefined ? {} : { labels: { [POD_UID]: uid } }),
    ...(owner === undefined ? {} : { ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: owner, uid: "o" }] }),
  },
});
const told = (change: Change<Stored<DigestedConfigMap>>) => [...(podsConcerned(sources)(change) ?? [])].sort();

test("a ConfigMap that others changed concerns its owners before and after, and the Pod of its label", () => {
  const old = configMap("any", { owner: "before" });
  const object = configMap("any", { owner: "after", uid: "u" });
  expect(told({ type: "updated", old, object, origin: "watch" })).toEqual(["ns/after", "ns/before", "ns/marked"]);
});

test("a ConfigMap concerns every Pod whose readable name it has", () => {
  const object = configMap("pod-a-from-b-from-c-cfg");
  expect(told({ type: "added", object, origin: "watch" })).toEqual(["ns/a", "ns/a-from-b"]);
});

test("a ConfigMap that we deleted wakes the pairs that may take its name", () => {
  const object = configMap("pod-a-from-b-from-c-cfg", { owner: "a" });
  expect(told({ type: "deleted", object, finalStateUnknown: false, origin: "write" })).toEqual(["ns/a", "ns/a-from-b"]);
});

test("a ConfigMap that we wrote and nobody else can want wakes nobody", () => {
  const object = configMap("pod-a-from-c-cfg", { owner: "a" });
  expect(told({ type: "added", object, origin: "write" })).toEqual([]);
});
