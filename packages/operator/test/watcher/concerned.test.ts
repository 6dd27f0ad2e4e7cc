/*
 * Which Watchers a change of a Pod concerns. Invariants:
 * - All that the Pod names, has or is selected by, before or after; those that do not exist included.
 * - A change of nothing that a Watcher's numbers depend on concerns none.
 */
import type { Change, Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { expect, test } from "vitest";
import type { Watcher } from "../../src/api/watcher.ts";
import { watchersConcerned } from "../../src/watcher/concerned.ts";
import { injectedPod, type PodWish, storedPod, storedWatcher } from "./stored.ts";

const known: readonly Stored<Watcher>[] = [
  storedWatcher("logs"),
  storedWatcher("web", { podSelector: { matchLabels: { app: "web" } } }),
];

const concerned = (change: Change<Stored<Pod>>, watchers = known) =>
  [...watchersConcerned({ inNamespace: () => [...watchers], countIn: () => watchers.length })(change)].sort();

const added = (object: Stored<Pod>) => ({ type: "added", object, origin: "watch" }) as const;
const updated = (old: Stored<Pod>, object: Stored<Pod>) => ({ type: "updated", old, object, origin: "watch" }) as const;

const WEB = { labels: { app: "web" }, annotations: { "watch.example.com/inject": "logs,none" } };
const web = (wish: PodWish = {}) => storedPod("pod", { ...wish, metadata: { ...WEB, ...wish.metadata } });

test("a new Pod concerns those that it names, exists or not, and those that select it", () => {
  expect(concerned(added(web()))).toEqual(["shop/logs", "shop/none", "shop/web"]);
  expect(concerned(added(web()), [])).toEqual(["shop/logs", "shop/none"]);
  expect(concerned(added(storedPod("other")))).toEqual([]);
  expect(concerned(added(injectedPod("other", "gone", "r")))).toEqual(["shop/gone"]);
});

test("a Pod that opted out concerns no selector", () => {
  const annotations = { "watch.example.com/inject": "false" };
  expect(concerned(added(web({ metadata: { ...WEB, annotations } })))).toEqual(["shop/false"]);
});

test("a Pod that asks no more concerns those that it asked for", () => {
  expect(concerned(updated(web(), storedPod("pod")))).toEqual(["shop/logs", "shop/none", "shop/web"]);
});

test("a Pod of which only the status goes on concerns none", () => {
  expect(concerned(updated(web({ phase: "Pending" }), web({ phase: "Running" })))).toEqual([]);
  expect(concerned(updated(web(), web({ metadata: { ...WEB, resourceVersion: "2" } })))).toEqual([]);
});

test.each<[string, PodWish]>([
  ["is over", { phase: "Succeeded" }],
  ["is going", { metadata: { ...WEB, deletionTimestamp: "2026-01-31T12:00:00Z" } }],
  ["is another one of that name", { metadata: { ...WEB, uid: "another" } }],
  ["has another label", { metadata: { ...WEB, labels: { ...WEB.labels, tier: "front" } } }],
  ["has another value of a label", { metadata: { ...WEB, labels: { app: "db" } } }],
  ["asks for less", { metadata: { ...WEB, annotations: { "watch.example.com/inject": "none" } } }],
])("a Pod that %s concerns its Watchers", (_what, wish) => {
  expect(concerned(updated(web(), web(wish)))).toEqual(["shop/logs", "shop/none", "shop/web"]);
});
