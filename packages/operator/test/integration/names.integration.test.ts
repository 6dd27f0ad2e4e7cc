/*
 * Names and keys, on a real API server.
 *
 * Invariants:
 * - One pair of Pod and PodConfigMapConfig has one ConfigMap, whatever their names are, in whatever order they came.
 * - A hashed name stays until its pair ends.
 * - What does not fit a data key or a label value is told apart all the same.
 */
import { expect, test } from "vitest";
import { hashedName, labelValueOf, readableName } from "../../src/podconfigmap/names.ts";
import { GENERATED_BY } from "../../src/podconfigmap/ownership.ts";
import { eventually } from "./support/eventually.ts";
import type { Namespace } from "./support/namespace.ts";
import { eventuallyExact, expectExact } from "./support/oracle.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld();

const generatedNames = async (namespace: Namespace): Promise<string[]> =>
  (await namespace.list("configmaps"))
    .map(({ metadata }) => metadata.name)
    .filter((name) => name !== "kube-root-ca.crt");

test("a label with / in its key is stored under a key with _", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web", {
    labels: { "app.kubernetes.io/name": "shop" },
    annotations: { "example.com/owner": "Zoë 🦊\n  second line" },
  });
  await namespace.createConfig("app", {
    labelsToInclude: ["app.kubernetes.io/name", "app.kubernetes.io/missing"],
    annotationsToInclude: ["example.com/owner"],
  });
  world.manage(namespace);
  await namespace.settled("app");
  const { data } = await namespace.get("configmaps", "pod-web-from-app-cfg");
  expect(data).toEqual({
    podName: "web",
    namespace: namespace.name,
    nodeName: "",
    phase: "Pending",
    "label_app.kubernetes.io_name": "shop",
    "annotation_example.com_owner": "Zoë 🦊\n  second line",
    ebpf_enabled: "false",
  });
  await expectExact(namespace);
});

test("a name longer than 253 characters is hashed, for Pods of the longest name too", async () => {
  const namespace = await world.namespace();
  const longest = "p".repeat(253);
  const pods = [longest, `${"p".repeat(252)}q`, "p".repeat(240)];
  for (const pod of pods) await namespace.createPod(pod);
  await namespace.createConfig("app");
  world.manage(namespace);
  await namespace.settled("app");
  await expectExact(namespace);
  const names = await generatedNames(namespace);
  expect(names.sort()).toEqual(pods.map((pod) => hashedName({ pod, pcmc: "app" })).sort());
  expect(Math.max(...names.map((name) => name.length))).toBeLessThanOrEqual(253);
});

test("a PodConfigMapConfig name longer than 63 characters is a hashed label, and whole in an annotation", async () => {
  const namespace = await world.namespace();
  const long = `${"c".repeat(62)}-long`;
  const longest = "c".repeat(253);
  await namespace.createPod("web");
  for (const config of [long, longest]) await namespace.createConfig(config);
  const manager = world.manage(namespace);
  for (const config of [long, longest]) await namespace.settled(config);
  await expectExact(namespace);
  const { metadata } = await namespace.get("configmaps", readableName({ pod: "web", pcmc: long }));
  expect(metadata.labels?.[GENERATED_BY]).toBe(labelValueOf(long));
  expect(metadata.labels?.[GENERATED_BY]).toHaveLength(63);
  expect(metadata.annotations?.[GENERATED_BY]).toBe(long);

  // The annotation is all that names the PodConfigMapConfig: gone, it comes back.
  await namespace.patch("configmaps", metadata.name, { metadata: { annotations: null } });
  await eventuallyExact(namespace);

  await manager.stop();
  await namespace.remove("podconfigmapconfigs", long);
  await namespace.remove("podconfigmapconfigs", longest);
  world.manage(namespace);
  await eventually("both ConfigMaps go", async () => (await generatedNames(namespace)).length === 0);
});

// Both have the readable name pod-a-from-b-from-c-cfg.
const first = { pod: "a", pcmc: "b-from-c" };
const second = { pod: "a-from-b", pcmc: "c" };
const readable = readableName(first);

const selecting = (app: string) => ({ podSelector: { matchLabels: { app } } });

/** Brings a pair into being; no other pair of these tests selects its Pod. */
const bring = async (namespace: Namespace, { pod, pcmc }: typeof first) => {
  await namespace.createConfig(pcmc, selecting(pcmc));
  await namespace.createPod(pod, { labels: { app: pcmc } });
};

const holderOf = async (namespace: Namespace): Promise<string | undefined> =>
  (await namespace.get("configmaps", readable)).data?.podName;

test.each([
  { order: "in one order", pairs: [first, second] },
  { order: "in the other order", pairs: [second, first] },
])("of two pairs with one readable name the first to come keeps it, $order", async ({ pairs: [early, late] }) => {
  if (early === undefined || late === undefined) throw new Error("two pairs");
  const namespace = await world.namespace();
  world.manage(namespace);
  await bring(namespace, early);
  await eventuallyExact(namespace);
  expect(await holderOf(namespace)).toBe(early.pod);
  await bring(namespace, late);
  await namespace.settled(late.pcmc);
  await eventuallyExact(namespace);
  expect(await holderOf(namespace)).toBe(early.pod);
  expect((await generatedNames(namespace)).sort()).toEqual([readable, hashedName(late)].sort());
});

test("of two pairs with one readable name that are there at the start the smaller PodConfigMapConfig name gets it", async () => {
  const namespace = await world.namespace();
  for (const pair of [second, first]) await bring(namespace, pair);
  world.manage(namespace);
  await eventuallyExact(namespace);
  expect(await holderOf(namespace)).toBe(first.pod);
  expect((await generatedNames(namespace)).sort()).toEqual([readable, hashedName(second)].sort());
});

test("a hashed name stays when the holder of the readable one goes, and over a restart", async () => {
  const namespace = await world.namespace();
  const manager = world.manage(namespace);
  await bring(namespace, first);
  await eventuallyExact(namespace);
  await bring(namespace, second);
  await namespace.settled(second.pcmc);
  await eventuallyExact(namespace);
  const before = await namespace.get("configmaps", hashedName(second));

  await namespace.remove("pods", first.pod);
  await eventually("the holder's ConfigMap is collected", () => namespace.lacks("configmaps", readable));
  await manager.stop();
  world.manage(namespace, { resyncPeriod: 100 });
  // Its status moves only after the Pod has been looked at again.
  await namespace.patch("podconfigmapconfigs", second.pcmc, { spec: { labelsToInclude: ["app"] } });
  await namespace.settled(second.pcmc);
  await expectExact(namespace);
  expect(await generatedNames(namespace)).toEqual([hashedName(second)]);
  expect((await namespace.get("configmaps", hashedName(second))).metadata.uid).toBe(before.metadata.uid);

  // The name is free: whoever comes has it.
  await namespace.createPod(first.pod, { labels: { app: first.pcmc } });
  await eventually("the newcomer has the readable name", async () => (await holderOf(namespace)) === first.pod);
  await eventuallyExact(namespace);
});
