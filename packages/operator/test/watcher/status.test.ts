/*
 * Invariants:
 * - Nothing but a difference makes a new status: asked again with what it said, it says nothing.
 * - Ready is True exactly where the spec can be used, the ConfigMap holds what it should, and nobody earlier contends.
 * - Whatever is stored as a spec is read without a throw.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { WatcherStatus } from "../../src/api/watcher.ts";
import { conditionOf } from "../../src/controllers/conditions.ts";
import { parsedWatcher } from "../../src/watcher/parsed.ts";
import { rolloutStates } from "../../src/watcher/rollout.ts";
import { nextStatus, readinessOf, readySince, type StatusFacts } from "../../src/watcher/status.ts";
import { eventsOf } from "../../src/watcher/status-events.ts";
import { injectedPod, storedPod, storedWatcher } from "./stored.ts";

const now = new Date("2026-01-31T15:04:05.678Z");
const watcher = storedWatcher("logs");
const none = { injected: 0, outdated: [], missed: [] };

const facts = (changes: Partial<StatusFacts> = {}): StatusFacts => ({
  parsed: parsedWatcher(watcher),
  configMap: { obstacle: undefined, holds: true },
  contender: undefined,
  excluded: undefined,
  census: none,
  rollout: undefined,
  droppedFields: [],
  ...changes,
});

const settled = (changes: Partial<StatusFacts> = {}, before?: WatcherStatus): WatcherStatus => {
  const status = nextStatus({ ...watcher, ...(before && { status: before }) }, facts(changes), now);
  if (status === undefined) throw new Error("there is no difference");
  return status;
};

const conflict = { reason: "ConfigMapConflict", message: "it is not ours" } as const;

test("a status that says how things are is not written again", () => {
  const missed = Array.from({ length: 12 }, (_, i) => ({
    pod: storedPod(`pod-${i}`),
    reason: "NotInjected" as const,
  }));
  const census = { injected: 3, outdated: [injectedPod("old", "logs", "former")], missed };
  const rollout = rolloutStates.rolling("Deployment web rolls", 2_000);
  const changes = { census, rollout, droppedFields: ["container.restartPolicyRules"] };
  const status = settled(changes);
  expect(status).toMatchObject({ injected: 3, outdated: 1, missed: 12, configMapName: "logs-config" });
  expect(status.missedPods).toHaveLength(10);
  // As the API server sends it, in an order of its own.
  const stored = Object.fromEntries(Object.entries(status).reverse());
  const later = new Date("2027-01-31T15:04:05Z");
  expect(nextStatus({ ...watcher, status: stored }, facts(changes), later)).toBeUndefined();
});

test("a condition keeps its time while its status stays, and is about the present generation", () => {
  const first = settled({ configMap: { obstacle: conflict, holds: false } });
  const later = new Date("2027-01-31T15:04:05Z");
  const next = nextStatus(
    { ...watcher, metadata: { ...watcher.metadata, generation: 7 }, status: first },
    facts({ contender: { watcher: "a", over: "container", name: "log-agent" } }),
    later,
  );
  expect(conditionOf(next?.conditions, "Ready")).toMatchObject({
    reason: "Contended",
    lastTransitionTime: "2026-01-31T15:04:05Z",
    observedGeneration: 7,
  });
  expect(conditionOf(next?.conditions, "ConfigMapReady")).toMatchObject({
    status: "True",
    lastTransitionTime: "2027-01-31T15:04:05Z",
  });
});

test("conditions of others stay", () => {
  const theirs = {
    type: "example.com/Theirs",
    status: "True",
    reason: "Theirs",
    message: "",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  } as const;
  expect(settled({}, { conditions: [theirs] }).conditions).toContainEqual(theirs);
});

test("Ready is True exactly where nothing is in the way", () => {
  const invalid = { ok: false, fault: { reason: "InvalidSpec", message: "no container" } } as const;
  const contender = { watcher: "a", over: "volume", name: "data" } as const;
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), fc.boolean(), (isSound, holds, isContended) => {
      const { status } = readinessOf(
        facts({
          ...(isSound ? {} : { parsed: invalid }),
          configMap: { obstacle: holds ? undefined : conflict, holds },
          ...(isContended ? { contender } : {}),
        }),
      );
      expect(status).toBe(isSound && holds && !isContended ? "True" : "False");
    }),
  );
});

test("in a namespace in which nothing is injected a Watcher is not ready, and says why", () => {
  const excluded = "namespace kube-system is not for injection";
  const { conditions } = settled({ excluded });
  expect(conditionOf(conditions, "Ready")).toMatchObject({
    status: "False",
    reason: "NamespaceExcluded",
    message: expect.stringContaining(excluded),
  });
  expect(conditionOf(conditions, "ConfigMapReady")?.status).toBe("True");
});

test("an obstacle that leaves the ConfigMap right leaves the Watcher ready", () => {
  const obstacle = { reason: "Immutable", message: "it is immutable" } as const;
  const { conditions } = settled({ configMap: { obstacle, holds: true } });
  expect(conditionOf(conditions, "Ready")?.status).toBe("True");
  expect(conditionOf(conditions, "ConfigMapReady")).toMatchObject({ status: "False", reason: "Immutable" });
});

test("a Watcher is ready since its condition turned, or since now", () => {
  const ready = readinessOf(facts());
  // As it will be stored, so that a Pod is judged the same before and after.
  expect(readySince(watcher, ready, now)).toEqual(new Date("2026-01-31T15:04:05Z"));
  const status = settled();
  expect(readySince({ ...watcher, status }, ready, new Date())).toEqual(new Date("2026-01-31T15:04:05Z"));
  const notReady = readinessOf(facts({ configMap: { obstacle: conflict, holds: false } }));
  expect(readySince({ ...watcher, status }, notReady, now)).toBeUndefined();
});

test("trouble is told when it begins and when it ends, once", () => {
  const trouble = settled({ configMap: { obstacle: conflict, holds: false } });
  expect(eventsOf(undefined, trouble).map(({ type, reason }) => [type, reason])).toEqual([
    ["Warning", "ConfigMapConflict"],
  ]);
  expect(eventsOf(trouble, trouble)).toEqual([]);
  const fine = settled({}, trouble);
  expect(eventsOf(trouble, fine).map(({ type, reason }) => [type, reason])).toEqual([["Normal", "Recovered"]]);
  expect(eventsOf(fine, fine)).toEqual([]);
  const left = settled({ rollout: rolloutStates.left(["Job backup"], 1) });
  expect(eventsOf(fine, left).map(({ reason }) => reason)).toEqual(["NotRestartable"]);
  expect(eventsOf(fine, settled({ rollout: rolloutStates.rolling("it rolls", 1) }))).toEqual([]);
});

test.each<{ spec: object; reason: string }>([
  { spec: { container: undefined }, reason: "InvalidSpec" },
  { spec: { container: { name: "a" } }, reason: "InvalidSpec" },
  { spec: { container: "a" }, reason: "InvalidSpec" },
  { spec: { podSelector: { matchLabels: { "a b": "c" } } }, reason: "InvalidSelector" },
])("a spec that no Pod could be created with is said: $spec", ({ spec, reason }) => {
  expect(parsedWatcher(storedWatcher("logs", spec))).toMatchObject({ ok: false, fault: { reason } });
});

test("nothing that can be stored makes the reading throw", () => {
  const part = fc.oneof(fc.jsonValue(), fc.constant(undefined));
  fc.assert(
    fc.property(fc.record({ container: part, volume: part, podSelector: part, injectAs: part }), (spec) => {
      parsedWatcher(storedWatcher("logs", spec));
    }),
  );
  fc.assert(fc.property(fc.jsonValue(), (spec) => void parsedWatcher({ ...watcher, spec: spec as never })));
});
