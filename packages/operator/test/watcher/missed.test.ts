/*
 * Invariants:
 * - Each live Pod that asks for a Watcher or has it is counted exactly once: as injected or as missed; outdated are among the injected.
 * - The result does not depend on the order of the Pods.
 */
import type { Stored } from "@pcmc/controller-runtime";
import fc from "fast-check";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { expect, test } from "vitest";
import { type CensusInput, censusOf, explain, type MissedReason } from "../../src/watcher/missed.ts";
import { injectedPod, type PodWish, storedPod, storedWatcher } from "./stored.ts";

const READY_SINCE = new Date("2026-01-31T11:00:00Z");
const ASKS = { annotations: { "watch.example.com/inject": "logs" } };

const census = (pods: Stored<Pod>[], { spec = {}, ...input }: { spec?: object } & Partial<CensusInput> = {}) =>
  censusOf(storedWatcher("logs", spec), { pods, revision: "now", readySince: READY_SINCE, ...input });

const asking = (wish: PodWish = {}): Stored<Pod> =>
  storedPod("web", { ...wish, metadata: { ...ASKS, ...wish.metadata } });

const reasonOf = async (pod: Stored<Pod>, input: { spec?: object } & Partial<CensusInput> = {}) =>
  (await census([pod], input)).missed.map(({ reason }) => reason);

test("a Pod that asks and has nothing is missed, with the reason that fits", async () => {
  expect(await reasonOf(asking())).toEqual(["NotInjected"]);
  expect(await reasonOf(asking(), { readySince: undefined })).toEqual(["NotReady"]);
  expect(await reasonOf(asking(), { readySince: new Date("2026-01-31T12:00:01Z") })).toEqual(["CreatedBeforeReady"]);
  expect(await reasonOf(asking({ containers: [{ name: "log-agent" }] }))).toEqual(["ContainerConflict"]);
  const spec = { volume: { name: "data", emptyDir: {} } };
  expect(await reasonOf(asking({ volumes: [{ name: "data" }] }), { spec })).toEqual(["VolumeConflict"]);
});

test("within the seconds in which the Watcher became ready it cannot be told which came first", async () => {
  for (const since of ["2026-01-31T12:00:00Z", "2026-01-31T11:59:59Z"]) {
    expect(await reasonOf(asking(), { readySince: new Date(since) })).toEqual(["CreatedAsReady"]);
  }
  expect(await reasonOf(asking(), { readySince: new Date("2026-01-31T11:59:58Z") })).toEqual(["NotInjected"]);
  expect(explain("CreatedAsReady", storedWatcher("logs"))).not.toMatch(/webhook was not reached|before/);
});

test.each(["podconfigmap-controller", "podconfigmap-controller-agent", "podconfigmap-controller-uninstall"])(
  "the operator's own Pods miss nothing: nothing is ever injected into %s",
  async (name) => {
    const labels = { "app.kubernetes.io/name": name };
    expect(await reasonOf(asking({ metadata: { labels } }), { spec: { podSelector: {} } })).toEqual([]);
  },
);

test.each<{ what: string; pod: Stored<Pod> }>([
  { what: "asks for nothing", pod: storedPod("web") },
  { what: "opted out", pod: storedPod("web", { metadata: { annotations: { "watch.example.com/inject": "false" } } }) },
  { what: "is over", pod: asking({ phase: "Succeeded" }) },
  { what: "has failed", pod: asking({ phase: "Failed" }) },
  { what: "is going", pod: asking({ metadata: { deletionTimestamp: "2026-01-31T12:00:00Z" } }) },
  { what: "has it", pod: injectedPod("web", "logs", "now") },
])("a Pod that $what is not missed", async ({ pod }) => {
  const { missed } = await census([pod], { spec: { podSelector: { matchLabels: { app: "web" } } } });
  expect(missed).toEqual([]);
});

test("what only its annotations claim is missed, what has another revision is outdated", async () => {
  const { annotations = {} } = injectedPod("forged", "logs", "now").metadata;
  const pods = [
    storedPod("forged", { metadata: { annotations } }),
    injectedPod("old", "logs", "former"),
    injectedPod("now", "logs", "now"),
  ];
  const { injected, outdated, missed } = await census(pods);
  expect([injected, outdated.map(({ metadata }) => metadata.name)]).toEqual([2, ["old"]]);
  expect(missed.map(({ pod }) => pod.metadata.name)).toEqual(["forged"]);
});

test("where it cannot be told what would be injected, nothing is outdated", async () => {
  expect(await census([injectedPod("old", "logs", "former")], { revision: undefined })).toMatchObject({
    injected: 1,
    outdated: [],
  });
});

test("a malformed selector selects nothing", async () => {
  expect(await reasonOf(storedPod("web"), { spec: { podSelector: { matchLabels: 5 } } })).toEqual([]);
});

const anyPod = fc
  .record({
    asks: fc.constantFrom(undefined, "logs", "logs,other", "other", "false"),
    injected: fc.constantFrom(undefined, "now", "former"),
    hasContainer: fc.boolean(),
    app: fc.constantFrom(undefined, "web", "db"),
    phase: fc.constantFrom("Pending", "Running", "Succeeded", "Failed"),
  })
  .map(({ asks, injected, hasContainer, app, phase }) => ({
    phase,
    containers: hasContainer ? [{ name: "log-agent", injected: "logs" }] : [],
    metadata: {
      labels: app === undefined ? {} : { app },
      annotations: {
        ...(asks !== undefined && { "watch.example.com/inject": asks }),
        ...(injected !== undefined && {
          "watch.example.com/injected": "logs",
          "watch.example.com/injected-revision": `logs=${injected}`,
        }),
      },
    },
  }));

test("nobody is counted twice, and the order of the Pods decides nothing", async () => {
  const spec = { podSelector: { matchLabels: { app: "web" } } };
  await fc.assert(
    fc.asyncProperty(fc.array(anyPod, { maxLength: 12 }), async (wishes) => {
      const pods = wishes.map((wish, i) => storedPod(`pod-${i}`, wish));
      const forth = await census(pods, { spec });
      expect(await census(pods.toReversed(), { spec })).toEqual(forth);
      const live = pods.filter(({ status }) => status?.phase === "Pending" || status?.phase === "Running");
      expect(forth.injected + forth.missed.length).toBeLessThanOrEqual(live.length);
      expect(forth.outdated.length).toBeLessThanOrEqual(forth.injected);
    }),
  );
});

test("of very many Pods, each is counted", async () => {
  const pods = Array.from({ length: 2_500 }, (_, i) => injectedPod(`pod-${i}`, "logs", i % 2 === 0 ? "now" : "former"));
  const { injected, outdated } = await census(pods);
  expect([injected, outdated.length]).toEqual([2_500, 1_250]);
});

test("every reason says what to do", () => {
  const reasons: MissedReason[] = [
    "NotReady",
    "CreatedBeforeReady",
    "CreatedAsReady",
    "ContainerConflict",
    "VolumeConflict",
    "NotInjected",
  ];
  for (const reason of reasons) {
    expect(explain(reason, storedWatcher("logs"))).toMatch(
      /Watcher logs.*(delete the Pod|rename one|see its conditions)/,
    );
  }
});
