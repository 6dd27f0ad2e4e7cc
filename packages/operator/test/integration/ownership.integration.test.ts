/*
 * Whose a ConfigMap is, on a real API server.
 *
 * Invariants:
 * - What is not ours is not touched, not even a byte, and is named in the status for as long as it is in the way.
 * - What is ours is put back, whatever is done to it by hand; what others added beside our marks and data stays.
 */
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { expect, test } from "vitest";
import { GENERATED_BY, POD_UID } from "../../src/podconfigmap/ownership.ts";
import { eventually } from "./support/eventually.ts";
import type { RunningManager } from "./support/manager.ts";
import type { Namespace } from "./support/namespace.ts";
import type { Held } from "./support/namespace-client.ts";
import { eventuallyExact } from "./support/oracle.ts";
import { useWorld, type World } from "./support/world.ts";

// Nothing is collected here, so what disappears was deleted by the manager.
const world = useWorld({ controllerManager: false, audit: true });

const NAME = "pod-web-from-app-cfg";
/** Milliseconds between two looks at what is in the way. */
const RECHECK = 200;

/** A Pod with its ConfigMap, and a manager that watches over it. */
const converged = async (world: World) => {
  const namespace = await world.namespace();
  const pod = await namespace.createPod("web", { labels: { app: "web" } });
  await namespace.createConfig("app", { labelsToInclude: ["app"] });
  const manager = world.manage(namespace, { recheckPeriod: RECHECK });
  await namespace.settled("app");
  await eventuallyExact(namespace);
  return { namespace, manager, pod, configMap: await namespace.get("configmaps", NAME) };
};

/** Waits until the manager has looked at the obstacle a few more times. */
const lookedAtAgain = async (manager: RunningManager): Promise<void> => {
  const looks = () => manager.reconciles("pod", "requeue_after");
  const before = await looks();
  await eventually("the manager looks at the obstacle again", async () => (await looks()) >= before + 3);
};

const untouched = async (namespace: Namespace, foreign: Held<ConfigMap>): Promise<void> =>
  expect(await namespace.get("configmaps", foreign.metadata.name)).toEqual(foreign);

test("a foreign ConfigMap of the same name stays as it is, until it is deleted and ours takes its place", async () => {
  const namespace = await world.namespace();
  const foreign = await namespace.create("configmaps", { metadata: { name: NAME }, data: { theirs: "é" } });
  await namespace.createPod("web");
  await namespace.createPod("other");
  await namespace.createConfig("app");
  const manager = world.manage(namespace, { recheckPeriod: RECHECK });
  const { reason, message } = await namespace.ready("app", { status: "False" });
  expect(reason).toBe("ConfigMapConflict");
  expect(message).toBe(
    `1 of 2 Pods not up to date: web: ConfigMap ${NAME} exists and is not ours: it is left untouched; rename or delete it to make room`,
  );
  expect(await namespace.condition("app", "Conflict")).toMatchObject({ status: "True", reason: "ConfigMapConflict" });
  await namespace.settled("app");
  await lookedAtAgain(manager);
  await untouched(namespace, foreign);
  await eventuallyExact(namespace, { foreign: [NAME] });

  // It has none of our labels: its end is no event for the manager.
  await namespace.remove("configmaps", NAME);
  await eventuallyExact(namespace);
  await namespace.ready("app", { status: "True" });
  expect(await namespace.condition("app", "Conflict")).toBeUndefined();
});

test("many foreign ConfigMaps in the way of one Pod are each named in a status, and the others are made", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  const configs = ["a", "b", "c", "d", "e", "f"];
  for (const config of [...configs, "free"]) await namespace.createConfig(config);
  const names = configs.map((config) => `pod-web-from-${config}-cfg`);
  for (const name of names) await namespace.create("configmaps", { metadata: { name } });
  world.manage(namespace);
  for (const config of configs) await namespace.ready(config, { status: "False", reason: "ConfigMapConflict" });
  await namespace.ready("free", { status: "True" });
  await eventuallyExact(namespace, { foreign: names });
});

test("a foreign ConfigMap of the same name that is renamed makes room for ours", async () => {
  const namespace = await world.namespace();
  const foreign = await namespace.create("configmaps", {
    metadata: { name: NAME },
    data: { theirs: "1" },
    immutable: true,
  });
  await namespace.createPod("web");
  await namespace.createConfig("app");
  world.manage(namespace, { recheckPeriod: RECHECK });
  await namespace.ready("app", { status: "False", reason: "ConfigMapConflict" });
  await namespace.create("configmaps", { metadata: { name: "renamed" }, data: foreign.data ?? {} });
  await namespace.remove("configmaps", NAME);
  await eventuallyExact(namespace, { foreign: ["renamed"] });
});

test.each<{ what: string; labels: (uid: string) => Record<string, string> }>([
  { what: "only our first label", labels: () => ({ [GENERATED_BY]: "app" }) },
  { what: "our labels with another Pod's UID", labels: () => ({ [GENERATED_BY]: "app", [POD_UID]: "another" }) },
  {
    what: "our labels with another PodConfigMapConfig",
    labels: (uid) => ({ [GENERATED_BY]: "other", [POD_UID]: uid }),
  },
])("a ConfigMap of the same name with $what is foreign, and its end is seen at once", async ({ labels }) => {
  const namespace = await world.namespace();
  const pod = await namespace.createPod("web");
  const metadata = { name: NAME, labels: labels(pod.metadata.uid) };
  const foreign = await namespace.create("configmaps", { metadata, data: { theirs: "1" } });
  await namespace.createConfig("app");
  // With the operator's own period a second look would come too late for this test.
  world.manage(namespace);
  await namespace.ready("app", { status: "False", reason: "ConfigMapConflict" });
  await untouched(namespace, foreign);
  await namespace.remove("configmaps", NAME);
  await eventuallyExact(namespace);
});

test.each<{ edit: string; patch: object }>([
  { edit: "a value of data changed", patch: { data: { podName: "somebody" } } },
  { edit: "a key of data added", patch: { data: { extra: "1" } } },
  { edit: "a key of data removed", patch: { data: { podName: null } } },
  { edit: "all data removed", patch: { data: null } },
  { edit: "binaryData added", patch: { binaryData: { blob: "AAEC" } } },
  { edit: "binaryData instead of data", patch: { data: null, binaryData: { podName: "d2Vi" } } },
  { edit: "made immutable", patch: { immutable: true } },
  { edit: "changed and made immutable", patch: { immutable: true, data: { extra: "1" } } },
  { edit: "the label of the PodConfigMapConfig stripped", patch: { metadata: { labels: { [GENERATED_BY]: null } } } },
  { edit: "the label of the Pod stripped", patch: { metadata: { labels: { [POD_UID]: null } } } },
  { edit: "both labels stripped", patch: { metadata: { labels: null } } },
  { edit: "both labels changed", patch: { metadata: { labels: { [GENERATED_BY]: "other", [POD_UID]: "other" } } } },
  { edit: "the ownerReference stripped", patch: { metadata: { ownerReferences: null } } },
  {
    edit: "the ownerReference and one value of data gone",
    patch: { metadata: { ownerReferences: null }, data: { podName: null } },
  },
])("a ConfigMap edited by hand is put back: $edit", async ({ patch }) => {
  const { namespace, configMap } = await converged(world);
  const edited = await namespace.patch("configmaps", NAME, patch);
  expect(edited.metadata.resourceVersion).not.toBe(configMap.metadata.resourceVersion);
  await eventuallyExact(namespace);
  const { metadata, data } = await namespace.get("configmaps", NAME);
  expect(data).toEqual(configMap.data);
  expect(metadata.labels).toEqual(configMap.metadata.labels);
  expect(metadata.ownerReferences).toEqual(configMap.metadata.ownerReferences);
});

test("an ownerReference made a controller by hand is ours as we write it again", async () => {
  const { namespace, configMap } = await converged(world);
  const ownerReferences = configMap.metadata.ownerReferences?.map((one) => ({
    ...one,
    controller: true,
    blockOwnerDeletion: true,
  }));
  await namespace.patch("configmaps", NAME, { metadata: { ownerReferences } });
  await eventuallyExact(namespace);
});

test("a ConfigMap that was edited while no manager ran is put back at the start", async () => {
  const { namespace, manager } = await converged(world);
  await manager.stop();
  await namespace.patch("configmaps", NAME, { data: { podName: "somebody", extra: "1" }, metadata: { labels: null } });
  world.manage(namespace);
  await eventuallyExact(namespace);
});

test("a ConfigMap deleted by hand is made again", async () => {
  const { namespace, configMap } = await converged(world);
  await namespace.remove("configmaps", NAME);
  await eventuallyExact(namespace);
  expect((await namespace.get("configmaps", NAME)).metadata.uid).not.toBe(configMap.metadata.uid);
});

test("a ConfigMap deleted by hand that waits for a finalizer is made again once that is gone", async () => {
  const { namespace, configMap } = await converged(world);
  await namespace.patch("configmaps", NAME, { metadata: { finalizers: ["example.com/held"] } });
  await namespace.remove("configmaps", NAME);
  expect((await namespace.get("configmaps", NAME)).metadata.deletionTimestamp).toBeDefined();
  await namespace.patch("configmaps", NAME, { metadata: { finalizers: null } });
  await eventuallyExact(namespace);
  expect((await namespace.get("configmaps", NAME)).metadata.uid).not.toBe(configMap.metadata.uid);
});

test("a ConfigMap made immutable by hand that waits for a finalizer holds the status back until it is made again", async () => {
  const { namespace, manager } = await converged(world);
  await manager.stop();
  await namespace.patch("configmaps", NAME, { immutable: true, metadata: { finalizers: ["example.com/held"] } });
  const { metadata } = await namespace.patch("podconfigmapconfigs", "app", { spec: { labelsToInclude: [] } });
  const next = world.manage(namespace);
  await eventually("the manager deletes it", async () => {
    const configMap = await namespace.get("configmaps", NAME);
    return configMap.metadata.deletionTimestamp !== undefined;
  });
  // The status is looked at once more after the other Pod is settled, and must not move even then.
  await eventually("the status is looked at", async () => (await next.reconciles("pcmc")) > 0);
  await namespace.createPod("other");
  await eventually("the other Pod has its ConfigMap", () => namespace.get("configmaps", "pod-other-from-app-cfg"));
  const looks = await next.reconciles("pcmc");
  await eventually("the status is looked at again", async () => (await next.reconciles("pcmc")) > looks);
  const { status } = await namespace.get("podconfigmapconfigs", "app");
  expect(status?.observedGeneration).toBe((metadata.generation ?? 0) - 1);
  await namespace.patch("configmaps", NAME, { metadata: { finalizers: null } });
  await namespace.settled("app");
  await eventuallyExact(namespace);
});

test("labels, annotations, ownerReferences and finalizers of others stay, also through a repair", async () => {
  const { namespace, configMap } = await converged(world);
  const theirs = {
    labels: { team: "a" },
    annotations: { note: "keep" },
    finalizers: ["example.com/held"],
    ownerReferences: [
      ...(configMap.metadata.ownerReferences ?? []),
      { apiVersion: "v1", kind: "ConfigMap", name: "theirs", uid: "00000000-0000-0000-0000-000000000000" },
    ],
  };
  const added = await namespace.patch("configmaps", NAME, { metadata: theirs });
  const edit = { data: { extra: "1" }, metadata: { labels: { [POD_UID]: null } } };
  await namespace.patch("configmaps", NAME, edit);
  await eventuallyExact(namespace);
  const { metadata } = await namespace.get("configmaps", NAME);
  expect(metadata.labels).toEqual(added.metadata.labels);
  expect(metadata.annotations).toEqual(theirs.annotations);
  expect(metadata.finalizers).toEqual(theirs.finalizers);
  expect(metadata.ownerReferences).toEqual(theirs.ownerReferences);
});

test("labels and annotations that others add make no write", async () => {
  const { namespace, manager } = await converged(world);
  const before = (await world.writes(manager)).length;
  const theirs = await namespace.patch("configmaps", NAME, {
    metadata: { labels: { team: "a" }, annotations: { note: "1" } },
  });
  // Once a later edit is mended, the earlier one has been looked at.
  await namespace.patch("configmaps", NAME, { data: { extra: "1" } });
  await eventuallyExact(namespace);
  const writes = (await world.writes(manager)).slice(before);
  expect(writes.map(({ verb, objectRef }) => `${verb} ${objectRef?.resource}`)).toEqual(["update configmaps"]);
  expect((await namespace.get("configmaps", NAME)).metadata.labels).toEqual(theirs.metadata.labels);
});

test("a ConfigMap without any mark of ours left is foreign from then on", async () => {
  const { namespace, manager } = await converged(world);
  await manager.stop();
  const foreign = await namespace.patch("configmaps", NAME, { metadata: { labels: null, ownerReferences: null } });
  const next = world.manage(namespace, { recheckPeriod: RECHECK });
  await namespace.ready("app", { status: "False", reason: "ConfigMapConflict" });
  await lookedAtAgain(next);
  await untouched(namespace, foreign);
});

test("what only looks like a leftover is not swept: each of name, labels and ownerReference must agree", async () => {
  const { namespace, pod } = await converged(world);
  const { name, uid } = pod.metadata;
  const labels = { [GENERATED_BY]: "gone", [POD_UID]: uid };
  const ownerReferences = [{ apiVersion: "v1", kind: "Pod", name, uid }];
  const kept = await Promise.all([
    namespace.create("configmaps", { metadata: { name: "another-name", labels, ownerReferences } }),
    namespace.create("configmaps", { metadata: { name: "pod-web-from-gone1-cfg", labels, ownerReferences } }),
    namespace.create("configmaps", {
      metadata: { name: "pod-web-from-none-cfg", labels: { ...labels, [GENERATED_BY]: "none" } },
    }),
  ]);
  const leftover = { name: "pod-web-from-gone-cfg", labels, ownerReferences };
  await namespace.create("configmaps", { metadata: leftover });
  await eventually("the true leftover is deleted", () => namespace.lacks("configmaps", leftover.name));
  await eventuallyExact(namespace, { foreign: kept.map(({ metadata }) => metadata.name) });
  for (const one of kept) await untouched(namespace, one);
});
