/*
 * PodConfigMapConfigs that today's definition refuses, and that an older one may have let in.
 *
 * Invariants:
 * - What is unsound in a spec is named in its status, and costs nothing but itself.
 * - A selector that cannot be read touches no ConfigMap.
 */
import { expect, test } from "vitest";
import { laxDefinition } from "./support/definition.ts";
import { eventually } from "./support/eventually.ts";
import { eventuallyExact, expectExact } from "./support/oracle.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld({ controllerManager: false, definition: laxDefinition });

const NAME = "pod-web-from-app-cfg";

test("two keys that collide are both left out and named, and everything else goes on", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web", {
    labels: { "example.com/a": "1", "example.com_a": "2", app: "web" },
    annotations: { "example.com/a": "3" },
  });
  await namespace.createConfig("app", {
    labelsToInclude: ["example.com/a", "example.com_a", "app"],
    annotationsToInclude: ["example.com/a"],
  });
  world.manage(namespace);
  const { message } = await namespace.ready("app", { status: "False", reason: "KeyCollision" });
  expect(message).toContain(
    'labelsToInclude: "example.com/a" and "example.com_a" both become the data key label_example.com_a, which is not written',
  );
  expect((await namespace.settled("app")).status).toMatchObject({ matched: 1, failed: 0 });
  await expectExact(namespace);
  const { data } = await namespace.get("configmaps", NAME);
  expect(data).toMatchObject({ label_app: "web", "annotation_example.com_a": "3" });
  expect(data).not.toHaveProperty("label_example.com_a");

  await namespace.patch("podconfigmapconfigs", "app", { spec: { labelsToInclude: ["example.com/a", "app"] } });
  await namespace.ready("app", { status: "True" });
  await eventuallyExact(namespace);
  expect((await namespace.get("configmaps", NAME)).data?.["label_example.com_a"]).toBe("1");
});

test("a data key that no ConfigMap can have is left out and named, and everything else goes on", async () => {
  const namespace = await world.namespace();
  const long = `example.com/${"k".repeat(260)}`;
  await namespace.createPod("web", { labels: { app: "web" } });
  await namespace.createConfig("app", { labelsToInclude: [long, "app"] });
  world.manage(namespace);
  await namespace.ready("app", { status: "False", reason: "InvalidDataKey" });
  await expectExact(namespace);
  expect((await namespace.get("configmaps", NAME)).data?.label_app).toBe("web");
});

test.each([
  {
    fault: "an unknown operator",
    podSelector: { matchExpressions: [{ key: "app", operator: "Near", values: ["web"] }] },
  },
  { fault: "In without values", podSelector: { matchExpressions: [{ key: "app", operator: "In" }] } },
  { fault: "a misspelt field", podSelector: { matchLabel: { app: "web" } } },
  { fault: "no object at all", podSelector: "app=web" },
])("a podSelector with $fault is named, and no ConfigMap is touched until it is mended", async ({ podSelector }) => {
  const namespace = await world.namespace();
  await namespace.createPod("web", { labels: { app: "web" } });
  await namespace.createConfig("app", { podSelector: { matchLabels: { app: "web" } }, labelsToInclude: ["app"] });
  const manager = world.manage(namespace);
  await namespace.settled("app");
  await expectExact(namespace);
  await manager.stop();
  // As somebody left it.
  const before = await namespace.patch("configmaps", NAME, { data: { extra: "1" } });

  await namespace.patch("podconfigmapconfigs", "app", { spec: { podSelector: null } });
  await namespace.patch("podconfigmapconfigs", "app", { spec: { podSelector } });
  world.manage(namespace);
  const { message } = await namespace.ready("app", { status: "False", reason: "InvalidSelector" });
  expect(message).toMatch(/^podSelector: ./);
  expect(await namespace.condition("app", "SelectorInvalid")).toMatchObject({ status: "True" });
  await namespace.settled("app");
  // A second PodConfigMapConfig tells when both Pods have been looked at.
  await namespace.createPod("late", { labels: { app: "web" } });
  await namespace.createConfig("ops");
  await namespace.settled("ops");
  expect(await namespace.get("configmaps", NAME)).toEqual(before);
  expect(await namespace.lacks("configmaps", "pod-late-from-app-cfg")).toBe(true);

  await namespace.patch("podconfigmapconfigs", "app", { spec: { podSelector: null } });
  await namespace.ready("app", { status: "True" });
  await eventuallyExact(namespace);
  await eventually(
    "the condition is gone",
    async () => (await namespace.condition("app", "SelectorInvalid")) === undefined,
  );
});

test("more than 1 MiB of data is named, the ConfigMap stays as it was, and other Pods go on", async () => {
  const namespace = await world.namespace();
  // Today's definition takes 256 keys of each kind: 16 KiB of label values, and a Pod's annotations hold 256 KiB at the most.
  const keys = Array.from({ length: 13_000 }, (_, i) => `l${i}`);
  const labels = Object.fromEntries(keys.map((key) => [key, "v".repeat(63)]));
  const annotations = { big: "a".repeat(250_000) };
  await namespace.createPod("web", { labels, annotations });
  await namespace.createPod("small", { labels: { l0: "1" }, annotations });
  await namespace.createConfig("app", { labelsToInclude: keys });
  const manager = world.manage(namespace);
  await namespace.ready("app", { status: "True" });
  await eventuallyExact(namespace);
  const before = await namespace.get("configmaps", NAME);

  await namespace.patch("podconfigmapconfigs", "app", { spec: { annotationsToInclude: ["big"] } });
  const { message } = await namespace.ready("app", { status: "False", reason: "TooLarge" });
  expect(message).toMatch(
    /^1 of 2 Pods not up to date: web: the values hold 10\d{5} bytes, a ConfigMap at most 1048576/,
  );
  expect((await namespace.settled("app")).status?.failed).toBe(1);
  expect(await namespace.get("configmaps", NAME)).toEqual(before);
  await eventuallyExact(namespace);
  expect((await namespace.get("configmaps", "pod-small-from-app-cfg")).data?.annotation_big).toBe(annotations.big);
  expect(await manager.scrape()).toContain(
    `podconfigmap_controller_reconciliation_errors_total{resource_type="pod",namespace="${namespace.name}",error_type="size"}`,
  );
});
