/*
 * The managed ConfigMap, readiness and status of Watchers, on a real API server. No webhook runs.
 *
 * Invariants:
 * - The managed ConfigMap holds exactly the Watcher's data, is owned by it, and is put back whatever is done to it by hand.
 * - What is not ours is not touched; what stands in the way is named in a condition, and its end is noticed.
 * - Ready at its generation means: the ConfigMap is written, and nobody earlier has the name of container or volume.
 * - A converged Watcher is not written again, by a restart either.
 */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { sidecar, useWatcherWorld, type WatcherNamespace } from "./support/watcher-world.ts";

// As a cluster that wants to know who may hold up a deletion.
const world = useWatcherWorld({
  controllerManager: false,
  audit: true,
  apiServerFlags: { "enable-admission-plugins": "OwnerReferencesPermissionEnforcement" },
});

const EXAMPLE = fileURLToPath(new URL("../../../../examples/watcher.yaml", import.meta.url));

const DATA = { configData: { LEVEL: "debug", "app.conf": "é\n" }, configBinaryData: { blob: "AAEC" } };

const converged = async () => {
  const namespace = await world.namespace();
  const watcher = await namespace.createWatcher("logs", DATA);
  const manager = world.manage(namespace);
  await namespace.ready("logs");
  return { namespace, watcher, manager, configMap: await namespace.get("configmaps", "logs-config") };
};

/** Waits until the managed ConfigMap holds what `DATA` says, and is owned as it should be. */
const untilExact = (namespace: WatcherNamespace, uid: string) =>
  eventually("the managed ConfigMap is as it should be", async () => {
    const configMap = await namespace.get("configmaps", "logs-config");
    expect(configMap.data).toEqual(DATA.configData);
    expect(configMap.binaryData).toEqual(DATA.configBinaryData);
    expect(configMap.metadata.labels).toMatchObject({
      "watch.example.com/watcher": "logs",
      "watch.example.com/watcher-uid": uid,
    });
    expect(configMap.metadata.ownerReferences).toContainEqual({
      apiVersion: "watch.example.com/v1alpha1",
      kind: "Watcher",
      name: "logs",
      uid,
      controller: true,
      blockOwnerDeletion: true,
    });
    return configMap;
  });

test("a Watcher gets its managed ConfigMap, and a status that says so", async () => {
  const { namespace, watcher } = await converged();
  await untilExact(namespace, watcher.metadata.uid);
  const { status } = await namespace.get("watchers", "logs");
  expect(status).toMatchObject({
    observedGeneration: 1,
    configMapName: "logs-config",
    revision: expect.stringMatching(/^[\w-]{16}$/),
    injected: 0,
    missed: 0,
    outdated: 0,
  });
  await namespace.condition("logs", "ConfigMapReady", { status: "True", reason: "UpToDate" });
});

test.each<{ edit: string; patch: object }>([
  { edit: "a value changed", patch: { data: { LEVEL: "info" } } },
  { edit: "a key added", patch: { data: { extra: "1" } } },
  { edit: "binary data changed", patch: { binaryData: { blob: "AA==" } } },
  { edit: "all data removed", patch: { data: null, binaryData: null } },
  { edit: "a label stripped", patch: { metadata: { labels: { "watch.example.com/watcher": null } } } },
  { edit: "both labels stripped", patch: { metadata: { labels: null } } },
  { edit: "the owner stripped", patch: { metadata: { ownerReferences: null } } },
])("a managed ConfigMap edited by hand is put back: $edit", async ({ patch }) => {
  const { namespace, watcher } = await converged();
  await namespace.patch("configmaps", "logs-config", patch);
  await untilExact(namespace, watcher.metadata.uid);
});

test("a managed ConfigMap that is deleted is made again, and follows the Watcher's data", async () => {
  const { namespace, watcher, configMap } = await converged();
  await namespace.remove("configmaps", "logs-config");
  const again = await untilExact(namespace, watcher.metadata.uid);
  expect(again.metadata.uid).not.toBe(configMap.metadata.uid);
  const before = (await namespace.get("watchers", "logs")).status?.revision;
  await namespace.patch("watchers", "logs", { spec: { configData: { LEVEL: "warning" } } });
  await namespace.ready("logs");
  expect((await namespace.get("configmaps", "logs-config")).data?.LEVEL).toBe("warning");
  expect((await namespace.get("watchers", "logs")).status?.revision).not.toBe(before);
});

test("a foreign ConfigMap of that name stays untouched and is named in the conditions, until it is gone", async () => {
  const namespace = await world.namespace();
  const foreign = await namespace.create("configmaps", { metadata: { name: "logs-config" }, data: { theirs: "1" } });
  await namespace.createWatcher("logs", DATA);
  world.manage(namespace);
  for (const type of ["Ready", "ConfigMapReady"]) {
    const { message } = await namespace.condition("logs", type, { status: "False", reason: "ConfigMapConflict" });
    expect(message).toBe(
      "ConfigMap logs-config exists and is not ours: it is left untouched; rename or delete it to make room",
    );
  }
  expect((await namespace.get("watchers", "logs")).status?.configMapName).toBeUndefined();
  expect(await namespace.eventReasons("Watcher", "logs", 1)).toEqual(["ConfigMapConflict"]);
  expect(await namespace.get("configmaps", "logs-config")).toEqual(foreign);
  await namespace.remove("configmaps", "logs-config");
  await namespace.ready("logs");
  expect(await namespace.eventReasons("Watcher", "logs", 2)).toEqual(["ConfigMapConflict", "Recovered"]);
});

test("an immutable ConfigMap is said, keeps the Watcher injecting while it holds what it should, and stops it after", async () => {
  const { namespace, configMap } = await converged();
  await namespace.patch("configmaps", "logs-config", { immutable: true });
  await namespace.condition("logs", "ConfigMapReady", { status: "False", reason: "Immutable" });
  await namespace.ready("logs");
  await namespace.patch("watchers", "logs", { spec: { configData: { LEVEL: "warning" } } });
  await namespace.condition("logs", "Ready", { status: "False", reason: "Immutable" });
  expect((await namespace.get("configmaps", "logs-config")).metadata.uid).toBe(configMap.metadata.uid);
  await namespace.remove("configmaps", "logs-config");
  await namespace.ready("logs");
});

test("the ConfigMap of a former Watcher of the same name is replaced", async () => {
  const { namespace, configMap } = await converged();
  // Nobody collects garbage here.
  await namespace.remove("watchers", "logs");
  const { metadata } = await namespace.createWatcher("logs", DATA);
  await namespace.ready("logs");
  const again = await untilExact(namespace, metadata.uid);
  expect(again.metadata.uid).not.toBe(configMap.metadata.uid);
});

test("a ConfigMap that its Watcher left behind on purpose is not adopted by the next one", async () => {
  const { namespace, watcher, manager } = await converged();
  await manager.stop();
  await namespace.patch("configmaps", "logs-config", { metadata: { ownerReferences: null } });
  await namespace.remove("watchers", "logs");
  await namespace.createWatcher("logs", DATA);
  world.manage(namespace);
  await namespace.condition("logs", "Ready", { status: "False", reason: "ConfigMapConflict" });
  const { metadata } = await namespace.get("configmaps", "logs-config");
  expect(metadata.labels?.["watch.example.com/watcher-uid"]).toBe(watcher.metadata.uid);
});

test("of two Watchers with one container name the earlier by name is ready, and the later once that is gone", async () => {
  const namespace = await world.namespace();
  await namespace.createWatcher("b");
  world.manage(namespace);
  await namespace.ready("b");
  await namespace.createWatcher("a");
  await namespace.ready("a");
  const { message } = await namespace.condition("b", "Ready", { status: "False", reason: "Contended" });
  expect(message).toContain('Watcher a comes first by name and has the container name "log-agent" too');
  await namespace.condition("b", "ConfigMapReady", { status: "True" });
  await namespace.remove("watchers", "a");
  await namespace.ready("b");
});

test("a later Watcher becomes ready when the earlier one gives up the volume's name", async () => {
  const namespace = await world.namespace();
  const volume = { name: "shared", emptyDir: {} };
  await namespace.createWatcher("a", { container: { ...sidecar, name: "one" }, volume });
  await namespace.createWatcher("b", { container: { ...sidecar, name: "two" }, volume });
  world.manage(namespace);
  await namespace.condition("b", "Ready", { status: "False", reason: "Contended" });
  await namespace.patch("watchers", "a", { spec: { volume: { name: "own" } } });
  await namespace.ready("b");
});

test("a name that is too long for the ConfigMap is said, and nothing is created", async () => {
  const namespace = await world.namespace();
  const name = "w".repeat(247);
  await namespace.createWatcher(name);
  world.manage(namespace);
  const { message } = await namespace.condition(name, "ConfigMapReady", { status: "False", reason: "NameTooLong" });
  expect(message).toContain("at most 246 characters");
  expect(await namespace.list("configmaps")).toEqual([]);
});

test("a long name, which is no label value, is settled like any other", async () => {
  const namespace = await world.namespace();
  const name = "w".repeat(246);
  const { metadata } = await namespace.createWatcher(name);
  const manager = world.manage(namespace);
  await namespace.ready(name);
  const configMap = await namespace.get("configmaps", `${name}-config`);
  expect(configMap.metadata.annotations).toEqual({ "watch.example.com/watcher": name });
  expect(configMap.metadata.labels?.["watch.example.com/watcher-uid"]).toBe(metadata.uid);
  const writes = await world.writes(manager);
  expect(writes.map(({ verb, objectRef }) => `${verb} ${objectRef?.resource}`)).toEqual([
    "create configmaps",
    "update watchers",
  ]);
});

test("examples/watcher.yaml is accepted, in any namespace, and becomes ready", async () => {
  const namespace = await world.namespace();
  world.manage(namespace);
  const { exitCode, stderr } = await world.cluster.kubectl(["apply", "-n", namespace.name, "-f", EXAMPLE]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  await namespace.ready("labels-logger");
  await namespace.condition("labels-logger", "RolledOut", { status: "True" });
  const { data } = await namespace.get("configmaps", "labels-logger-config");
  expect(data).toEqual({ GREETING: "hello", SECONDS_BETWEEN: "60" });
});

test("a restart of a converged manager writes nothing", async () => {
  const { namespace, manager } = await converged();
  await namespace.createInjected("old", "logs", "former");
  await namespace.createPod("missed", { annotations: { "watch.example.com/inject": "logs" } });
  await namespace.status("logs", { injected: 1, outdated: 1, missed: 1 });
  await manager.stop();
  const next = world.manage(namespace);
  // The last of what a start finds to do.
  await namespace.createWatcher("later", { container: { ...sidecar, name: "other" } });
  await namespace.ready("later");
  const touched = (await world.writes(next)).map(({ objectRef }) => objectRef?.name);
  expect(touched).toEqual(["later-config", "later"]);
});

test("two Watchers of one name in two namespaces have nothing to do with each other", async () => {
  const [one, two] = [await world.namespace(), await world.namespace()];
  for (const namespace of [one, two]) await namespace.createWatcher("logs", { configData: { from: namespace.name } });
  world.manage(one);
  await one.ready("logs");
  expect((await one.get("configmaps", "logs-config")).data).toEqual({ from: one.name });
  expect((await two.get("watchers", "logs")).status).toBeUndefined();
  expect(await two.list("configmaps")).toEqual([]);
});
