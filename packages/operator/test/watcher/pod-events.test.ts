/*
 * Invariants:
 * - A Pod is told once which Watcher it has missed, whatever happens to it and however often it is looked at.
 * - Whatever number of Pods is missed, at most twenty Events on Pods a minute come of one Watcher.
 * - Who comes after a restart tells neither what stands in the status, nor Pods that were old at that restart and are missed then.
 * - Every other Pod is told, however old it is when it comes to miss a Watcher.
 */
import type { Clock, NewEvent, Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { beforeEach, expect, test } from "vitest";
import type { MissedPod } from "../../src/watcher/missed.ts";
import { PodEvents } from "../../src/watcher/pod-events.ts";
import { storedPod, storedWatcher } from "./stored.ts";

let now: number;
let said: NewEvent[];
let events: PodEvents;

const START = Date.parse("2026-01-31T12:00:00Z");
const clock: Clock = {
  now: () => now,
  date: () => new Date(START + now),
  after: () => ({ cancel: () => {} }),
};
const fresh = (): PodEvents => new PodEvents({ clock, events: { event: (event) => void said.push(event) } });

const watcher = storedWatcher("logs");
const missedOf = (...pods: Stored<Pod>[]): MissedPod[] => pods.map((pod) => ({ pod, reason: "NotInjected" }));
const pods = (count: number, prefix = "web"): Stored<Pod>[] =>
  Array.from({ length: count }, (_, i) => storedPod(`${prefix}-${i}`));
const reasons = () => said.map(({ reason }) => reason);

beforeEach(() => {
  now = 1_000;
  said = [];
  events = fresh();
});

test("a Pod is told once, with the reason and the Watcher", () => {
  for (let looks = 0; looks < 3; looks++) events.onMissed(watcher, missedOf(storedPod("web")));
  events.onMissed(watcher, [{ pod: storedPod("web"), reason: "NotReady" }]);
  expect(said).toEqual([
    {
      regarding: { apiVersion: "v1", kind: "Pod", namespace: "shop", name: "web", uid: "uid-of-web" },
      related: watcher,
      type: "Warning",
      reason: "MissedNotInjected",
      action: "Inject",
      note: expect.stringContaining("created without Watcher logs"),
      distinctBy: "logs",
    },
  ]);
});

test("another Pod of the same name is told anew", () => {
  events.onMissed(watcher, missedOf(storedPod("web")));
  events.onMissed(watcher, missedOf(storedPod("web", { metadata: { uid: "another" } })));
  expect(said).toHaveLength(2);
});

const old = storedPod("old", { metadata: { creationTimestamp: "2026-01-31T11:50:00Z" } });
const named = () => said.map(({ regarding }) => ("name" in regarding ? regarding.name : undefined));

test("old Pods that a restart finds are not told, and neither is what a former process has named in the status", () => {
  const logs = { ...watcher, status: { missedPods: [{ name: "web-0", reason: "NotInjected" }] } };
  events.onInitial("shop/logs");
  events.onMissed(logs, missedOf(...pods(2), old));
  for (let looks = 0; looks < 2; looks++) events.onMissed(logs, missedOf(...pods(2), old));
  expect(named()).toEqual(["web-1"]);
});

test("an old Pod is told of a Watcher that came after the start, or that it asks for only since", () => {
  events.onMissed(watcher, missedOf(old));
  expect(named()).toEqual(["old"]);
  const other = storedWatcher("other");
  events.onInitial("shop/other");
  events.onMissed(other, missedOf(...pods(1)));
  events.onMissed(other, missedOf(...pods(1), old));
  expect(named()).toEqual(["old", "web-0", "old"]);
});

test("a Pod that turns old while the process runs is told all the same", () => {
  events.onInitial("shop/logs");
  now += 3_600_000;
  events.onMissed(watcher, missedOf(...pods(1)));
  expect(named()).toEqual(["web-0"]);
});

test("of a Watcher that does not exist an old Pod is told, but for one that a restart finds", () => {
  events.onInitial("shop/former");
  events.onAbsent("shop/former", "former", [old]);
  events.onAbsent("shop/former", "former", [old]);
  expect(named()).toEqual([]);
  events.onAbsent("shop/none", "none", [old]);
  expect(named()).toEqual(["old"]);
});

test("of Watchers that do not exist twenty Events a minute come of one namespace, whatever they are called", () => {
  for (let i = 0; i < 64; i++) events.onAbsent(`shop/none-${i}`, `none-${i}`, pods(1));
  expect(said).toHaveLength(20);
  events.onAbsent("other/none", "none", [storedPod("web", { metadata: { namespace: "other" } })]);
  expect(said).toHaveLength(21);
});

test("of many Pods twenty a minute are told, the rest is one Event on the Watcher", () => {
  events.onMissed(watcher, missedOf(...pods(50)));
  expect(reasons().filter((reason) => reason === "MissedNotInjected")).toHaveLength(20);
  expect(said.at(-1)).toMatchObject({ regarding: watcher, reason: "PodsMissed" });
  expect(said).toHaveLength(21);
  events.onMissed(watcher, missedOf(...pods(50)));
  expect(said).toHaveLength(21);
  now += 60_000;
  events.onMissed(watcher, missedOf(...pods(50), ...pods(1, "later")));
  expect(said).toHaveLength(22);
});

test("one Watcher's many Pods leave another's to be told", () => {
  events.onMissed(watcher, missedOf(...pods(50)));
  said = [];
  events.onMissed(storedWatcher("other"), missedOf(...pods(1)));
  expect(reasons()).toEqual(["MissedNotInjected"]);
});

test("a Watcher that does not exist is told on the Pod, once; what is gone is forgotten", () => {
  for (let looks = 0; looks < 3; looks++) events.onAbsent("shop/none", "none", pods(1));
  expect(said).toMatchObject([{ reason: "MissedNotFound", note: expect.stringContaining('no Watcher "none"') }]);
  events.onAbsent("shop/none", "none", []);
  events.onAbsent("shop/none", "none", pods(1));
  expect(said).toHaveLength(2);
});
