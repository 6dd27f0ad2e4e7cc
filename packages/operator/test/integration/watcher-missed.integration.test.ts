/*
 * The detector of Pods that a Watcher has missed, on a real API server. No webhook runs, as if it were down.
 *
 * Invariants:
 * - A live Pod that asks for a Watcher and does not have it is counted, named with a reason, and told by one Event, within 5 s.
 * - What has the sidecar, opted out, or is over, is not missed. What has it with another revision is outdated.
 * - A restart tells no Pod again.
 * - In a namespace in which nothing is injected a Watcher is not ready, and says why.
 * - Whatever a Pod's annotation holds, the others are told as soon as without it.
 */
import { expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { sidecar, useWatcherWorld } from "./support/watcher-world.ts";

const world = useWatcherWorld({ controllerManager: false });

/** What the step allows from a Pod's creation to its being named. */
const NAMED_WITHIN = 5_000;
const ASKS = { annotations: { "watch.example.com/inject": "logs" } };

test("a Pod that was created while no webhook was there is named within five seconds, and told once", async () => {
  const namespace = await world.namespace();
  await namespace.createWatcher("logs");
  world.manage(namespace);
  const { lastTransitionTime } = await namespace.ready("logs");
  // Times are whole seconds, and within the first two it cannot be told which came first.
  await eventually("two seconds later", () => Date.now() > Date.parse(lastTransitionTime) + 2_000);
  await namespace.createPod("web", ASKS);
  const missedPods = [{ name: "web", reason: "NotInjected" }];
  await namespace.status("logs", { injected: 0, missed: 1, outdated: 0, missedPods }, NAMED_WITHIN);
  expect(await namespace.eventReasons("Pod", "web", 1)).toEqual(["MissedNotInjected"]);
  await namespace.remove("pods", "web");
  await namespace.status("logs", { missed: 0 });
  expect((await namespace.get("watchers", "logs")).status?.missedPods).toBeUndefined();
});

test("a Pod that is older than its Watcher is told so, whether it asks by annotation or by selector", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("by-label", { labels: { app: "web" } });
  await namespace.createPod("by-name", ASKS);
  await namespace.createPod("opted-out", {
    labels: { app: "web" },
    annotations: { "watch.example.com/inject": "false" },
  });
  await namespace.createPod("other");
  const created = Date.parse((await namespace.get("pods", "other")).metadata.creationTimestamp ?? "");
  await eventually("the next second", () => Date.now() > created + 1_000);
  await namespace.createWatcher("logs", { podSelector: { matchLabels: { app: "web" } } });
  world.manage(namespace);
  await namespace.status("logs", {
    missed: 2,
    missedPods: [
      { name: "by-label", reason: "CreatedBeforeReady" },
      { name: "by-name", reason: "CreatedBeforeReady" },
    ],
  });
});

test("a Pod with a container or volume of its own of that name is told which", async () => {
  const namespace = await world.namespace();
  await namespace.createWatcher("logs");
  await namespace.createWatcher("disk", {
    container: { ...sidecar, name: "disk" },
    volume: { name: "data", emptyDir: {} },
  });
  world.manage(namespace);
  await namespace.ready("logs");
  await namespace.ready("disk");
  await namespace.createPod("web", { ...ASKS, containers: [{ name: "log-agent", image: "example.com/own" }] });
  await namespace.create("pods", {
    metadata: { name: "db", annotations: { "watch.example.com/inject": "disk" } },
    spec: { containers: [{ name: "db", image: "example.com/db" }], volumes: [{ name: "data", emptyDir: {} }] },
  });
  await namespace.status("logs", { missedPods: [{ name: "web", reason: "ContainerConflict" }] });
  await namespace.status("disk", { missedPods: [{ name: "db", reason: "VolumeConflict" }] });
});

test("a Pod that asks for a Watcher that is not ready is told so, on the Pod and in the status", async () => {
  const namespace = await world.namespace();
  await namespace.create("configmaps", { metadata: { name: "logs-config" } });
  await namespace.createWatcher("logs");
  world.manage(namespace);
  await namespace.createPod("web", ASKS);
  await namespace.status("logs", { missedPods: [{ name: "web", reason: "NotReady" }] });
  expect(await namespace.eventReasons("Pod", "web", 1)).toEqual(["MissedNotReady"]);
});

test("a Pod that asks for a Watcher that does not exist gets an Event: one for each name", async () => {
  const namespace = await world.namespace();
  world.manage(namespace);
  await namespace.createPod("web", { annotations: { "watch.example.com/inject": "none, other,false,Not_A_Name" } });
  const reasons = await namespace.eventReasons("Pod", "web", 3);
  expect(reasons).toEqual(["MissedNotFound", "MissedNotFound", "MissedNotFound"]);
  const notes = (await namespace.list("events")).map(({ note }) => note?.split(" in this")[0]).sort();
  expect(notes).toEqual([
    'there is no Watcher "Not_A_Name"',
    'there is no Watcher "none"',
    'there is no Watcher "other"',
  ]);
});

test("a Pod that has a Watcher's sidecar is not told when the Watcher goes; one that comes later is", async () => {
  const namespace = await world.namespace();
  await namespace.createWatcher("logs");
  world.manage(namespace);
  await namespace.ready("logs");
  await namespace.createInjected("has-it", "logs", "former");
  await namespace.status("logs", { injected: 1 });
  await namespace.remove("watchers", "logs");
  await namespace.createPod("later", ASKS);
  expect(await namespace.eventReasons("Pod", "later", 1)).toEqual(["MissedNotFound"]);
  const about = (await namespace.list("events")).map(({ regarding }) => regarding?.name);
  expect(about).not.toContain("has-it");
});

test("Pods that have it are counted, by the revision that they have; those that are over are not", async () => {
  const namespace = await world.namespace();
  await namespace.createWatcher("logs");
  world.manage(namespace);
  await namespace.ready("logs");
  const revision = (await namespace.get("watchers", "logs")).status?.revision ?? "";
  await namespace.createInjected("now", "logs", revision);
  await namespace.createInjected("old", "logs", "former");
  // What only says so has it not.
  const forged = {
    "watch.example.com/inject": "logs",
    "watch.example.com/injected": "logs",
    "watch.example.com/injected-revision": `logs=${revision}`,
  };
  await namespace.createPod("forged", { annotations: forged });
  await namespace.status("logs", { injected: 2, outdated: 1, missed: 1 });
  await namespace.patch("watchers", "logs", { spec: { configData: { LEVEL: "debug" } } });
  await namespace.status("logs", { injected: 2, outdated: 2, missed: 1 });
  await namespace.patch("watchers", "logs", { spec: { configData: null } });
  await namespace.status("logs", { injected: 2, outdated: 1 });
  for (const pod of await namespace.list("pods")) await namespace.remove("pods", pod.metadata.name);
  await namespace.status("logs", { injected: 0, outdated: 0, missed: 0 });
});

test("of many Pods ten are named, and their number is told at once with few Events; a restart tells none again", async () => {
  const namespace = await world.namespace();
  await namespace.createWatcher("logs");
  const manager = world.manage(namespace);
  await namespace.ready("logs");
  const names = Array.from({ length: 40 }, (_, i) => `web-${String(i).padStart(2, "0")}`);
  for (const name of names) await namespace.createPod(name, ASKS);
  const { status } = await namespace.status("logs", { missed: 40 }, NAMED_WITHIN);
  expect(status?.missedPods?.map(({ name }) => name)).toEqual(names.slice(0, 10));
  expect(await namespace.eventReasons("Watcher", "logs", 2)).toEqual(["PodsMissed", "Ready"]);
  const told = (await namespace.list("events")).filter(({ regarding }) => regarding?.kind === "Pod");
  expect(told.length).toBe(20);
  await manager.stop();
  await namespace.remove("pods", "web-39");
  const next = world.manage(namespace);
  await namespace.status("logs", { missed: 39 });
  await next.stop();
  const again = (await namespace.list("events")).filter(({ regarding }) => regarding?.name === "web-00");
  expect(again.length).toBe(1);
});

test("a Pod that names 40,000 Watchers is told of twenty, and another one as soon as ever", async () => {
  const namespace = await world.namespace();
  world.manage(namespace);
  await namespace.createWatcher("logs");
  await namespace.ready("logs");
  const names = Array.from({ length: 40_000 }, (_, i) => i.toString(36)).join(",");
  await namespace.createPod("greedy", { annotations: { "watch.example.com/inject": names } });
  await namespace.createPod("web", ASKS);
  await namespace.status("logs", { missed: 1 }, NAMED_WITHIN);
  await namespace.eventReasons("Pod", "web", 1);
  await namespace.eventReasons("Pod", "greedy", 20);
  await namespace.remove("pods", "web");
  await namespace.status("logs", { missed: 0 }, NAMED_WITHIN);
  const told = (await namespace.list("events")).filter(({ regarding }) => regarding?.name === "greedy");
  expect(told).toHaveLength(20);
});

test("a Watcher that is deleted while Pods have it says what becomes of these", async () => {
  const namespace = await world.namespace();
  world.manage(namespace);
  for (const name of ["logs", "unused"]) await namespace.createWatcher(name);
  await namespace.createInjected("one", "logs", "former");
  await namespace.createInjected("two", "logs", "former");
  await namespace.status("logs", { injected: 2 });
  for (const name of ["unused", "logs"]) await namespace.remove("watchers", name);
  const note = await eventually("the Event", async () => {
    const found = (await namespace.list("events")).filter(({ reason }) => reason === "WatcherDeleted");
    if (found[0] === undefined) throw new Error("there is none");
    return found.map(({ regarding, note: said }) => [regarding?.name, said]);
  });
  expect(note).toEqual([["logs", expect.stringContaining("2 running Pods have the sidecar of Watcher logs")]]);
});

test("in an excluded namespace a Watcher is not ready, until the namespace is excluded no more", async () => {
  const namespace = await world.namespace();
  await namespace.label({ "watch.example.com/injection": "disabled" });
  // The labels of namespaces are known only where all are watched.
  world.manage(namespace, { namespaces: [] });
  await namespace.createWatcher("logs", { rollout: "OnChange" });
  await namespace.createPod("web", ASKS);
  const { message } = await namespace.condition("logs", "Ready", { status: "False", reason: "NamespaceExcluded" });
  expect(message).toContain("watch.example.com/injection=disabled");
  await namespace.condition("logs", "ConfigMapReady", { status: "True" });
  await namespace.status("logs", { missedPods: [{ name: "web", reason: "NotReady" }] });
  expect((await namespace.get("watchers", "logs")).status?.conditions?.map(({ type }) => type)).not.toContain(
    "RolledOut",
  );
  await namespace.label({ "watch.example.com/injection": null });
  await namespace.ready("logs");
  await namespace.label({ "watch.example.com/injection": "disabled" });
  await namespace.condition("logs", "Ready", { status: "False", reason: "NamespaceExcluded" });
});
