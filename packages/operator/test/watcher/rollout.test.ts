/*
 * Invariants:
 * - A workload that carries the mark of a revision is never restarted for that revision again, whatever state it is in.
 * - What the annotations say is what is read from them, whatever was there before.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  LAST_RESTART,
  type LastRestart,
  lastRestartIn,
  RESTARTED_AT,
  RESTARTED_FOR,
  restartAnnotations,
  restartedForIn,
} from "../../src/watcher/rollout-mark.ts";
import { judge, type Question, type Workload } from "../../src/watcher/rollout-verdict.ts";
import { ofDaemonSet, ofDeployment, ofStatefulSet } from "../../src/watcher/rollout-workload.ts";

const now = new Date("2026-01-31T15:04:05.678Z");
const wanted: Question = { watcher: "logs", change: "now@3", now, hasOutdated: true, isIdle: false, isClean: false };

const workload = (changes: Partial<Workload> = {}): Workload => ({
  kind: "Deployment",
  name: "web",
  generation: 7,
  restartedFor: new Map(),
  lastRestart: undefined,
  restartedAt: undefined,
  obstacle: undefined,
  isReplacing: false,
  unreplaced: 0,
  unavailable: 0,
  hasFailed: false,
  progress: "",
  patience: 600_000,
  ...changes,
});

const NOW = new Map([["logs", "now@3"]]);
const FORMER = new Map([["logs", "former@2"]]);
const REVERTED = new Map([["logs", "now@1"]]);
const lastRestart = { generation: 7, unavailable: 0, watchers: ["logs"] };
/** A roll of ours is under way. */
const ours = { isReplacing: true, unreplaced: 1, lastRestart };
/** Somebody has changed the template, or scaled the workload, since our restart. */
const others = { ...ours, generation: 8 };
const ofAnother = { ...ours, lastRestart: { ...lastRestart, watchers: ["metrics"] } };
const wasDown = { ...ours, restartedFor: NOW, unavailable: 1, lastRestart: { ...lastRestart, unavailable: 1 } };
const longAgo = new Date("2026-01-31T14:00:00Z");

test.each<{ what: string; changes: Partial<Workload>; asked?: Partial<Question>; verdict: object }>([
  { what: "at rest", changes: {}, verdict: { type: "restart", rank: 1 } },
  {
    what: "restarted for an earlier revision",
    changes: { restartedFor: FORMER },
    verdict: { type: "restart", rank: 1 },
  },
  {
    what: "restarted for this one before a revert",
    changes: { restartedFor: REVERTED },
    verdict: { type: "restart", rank: 1 },
  },
  { what: "not available anyway", changes: { unavailable: 1 }, verdict: { type: "restart", rank: 2 } },
  {
    what: "not available since our last restart",
    changes: { unavailable: 1, restartedFor: FORMER, lastRestart },
    verdict: { type: "restart", rank: 0 },
  },
  {
    what: "not available since a rollout that had ended",
    changes: { unavailable: 1, restartedFor: FORMER, lastRestart },
    asked: { isClean: true },
    verdict: { type: "restart", rank: 2 },
  },
  { what: "rolled by others", changes: { isReplacing: true }, verdict: { type: "busy" } },
  { what: "rolled by others after ours", changes: { ...others, restartedFor: FORMER }, verdict: { type: "busy" } },
  {
    what: "in our roll for another Watcher",
    changes: { ...ofAnother, restartedFor: FORMER },
    verdict: { type: "busy" },
  },
  {
    what: "given up in a roll of others",
    changes: { isReplacing: true, hasFailed: true },
    verdict: { type: "restart" },
  },
  {
    what: "idle in a roll of others",
    changes: { isReplacing: true },
    asked: { isIdle: true },
    verdict: { type: "restart" },
  },
  {
    what: "in our roll for an earlier revision",
    changes: { ...ours, restartedFor: FORMER },
    verdict: { type: "restart" },
  },
  {
    what: "in our roll for this revision, of an earlier spec",
    changes: { ...ours, restartedFor: REVERTED },
    verdict: { type: "rolling", isStuck: false },
  },
  { what: "in our roll", changes: { ...ours, restartedFor: NOW }, verdict: { type: "rolling", isStuck: false } },
  {
    what: "idle in our roll",
    changes: { ...ours, restartedFor: NOW },
    asked: { isIdle: true },
    verdict: { type: "rolling", isStuck: true },
  },
  {
    what: "not all available after our roll",
    changes: { restartedFor: NOW, unavailable: 1, lastRestart },
    asked: { hasOutdated: false },
    verdict: { type: "rolling", isStuck: false },
  },
  {
    what: "back after our roll",
    changes: { restartedFor: NOW },
    asked: { hasOutdated: false },
    verdict: { type: "settled" },
  },
  {
    what: "back to what it was, but for a Pod that cannot be replaced",
    changes: wasDown,
    asked: { hasOutdated: false },
    verdict: { type: "settled" },
  },
  {
    what: "down before, with outdated Pods to replace",
    changes: wasDown,
    verdict: { type: "rolling", isStuck: false },
  },
  { what: "down before, and idle", changes: wasDown, asked: { isIdle: true }, verdict: { type: "left" } },
  {
    what: "worse than before, and idle",
    changes: { ...wasDown, unavailable: 2 },
    asked: { isIdle: true, hasOutdated: false },
    verdict: { type: "rolling", isStuck: true },
  },
  { what: "just restarted", changes: { restartedFor: NOW, restartedAt: now }, verdict: { type: "rolling" } },
  { what: "restarted long ago", changes: { restartedFor: NOW, restartedAt: longAgo }, verdict: { type: "left" } },
  { what: "paused", changes: { obstacle: "is paused" }, verdict: { type: "left", why: "is paused" } },
])("a workload that is $what: $verdict", ({ changes, asked = {}, verdict }) => {
  expect(judge(workload(changes), { ...wanted, ...asked })).toMatchObject(verdict);
});

test("nothing makes a restart of what has been restarted for the change", () => {
  const anyState = fc.record({
    obstacle: fc.constantFrom(undefined, "is paused"),
    isReplacing: fc.boolean(),
    unavailable: fc.nat(2),
    unreplaced: fc.nat(2),
    hasFailed: fc.boolean(),
    generation: fc.constantFrom(7, 8),
    lastRestart: fc.constantFrom<LastRestart | undefined>(undefined, lastRestart, wasDown.lastRestart),
    restartedAt: fc.constantFrom(undefined, now, longAgo),
  });
  fc.assert(
    fc.property(anyState, fc.boolean(), fc.boolean(), (state, isIdle, isClean) => {
      const question = { ...wanted, isIdle, isClean };
      expect(judge(workload({ ...state, restartedFor: NOW }), question).type).not.toBe("restart");
    }),
  );
});

const restart = { changes: NOW, exists: () => true, unavailable: 1, now };

test("the marks of several Watchers stand beside each other, and a new change takes the place of its own", () => {
  const restartedFor = new Map([
    ["zoo", "z1@1"],
    ["logs", "former@2"],
  ]);
  expect(restartAnnotations({ restartedFor, generation: 7 }, restart)).toEqual({
    workload: { [LAST_RESTART]: '{"generation":8,"unavailable":1,"watchers":["logs"]}' },
    template: { [RESTARTED_AT]: "2026-01-31T15:04:05Z", [RESTARTED_FOR]: "logs=now@3,zoo=z1@1" },
  });
});

test("marks of Watchers that are gone go with the next restart", () => {
  const restartedFor = new Map([
    ["gone", "g1@1"],
    ["zoo", "z1@1"],
  ]);
  const exists = (watcher: string) => watcher !== "gone";
  const { template } = restartAnnotations({ restartedFor, generation: 7 }, { ...restart, exists });
  expect(template[RESTARTED_FOR]).toBe("logs=now@3,zoo=z1@1");
});

test("what is written is read again", () => {
  const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,10}[a-z0-9])?$/);
  const changes = fc.array(fc.tuple(name, fc.stringMatching(/^[-\w]{16}@\d$/))).map((entries) => new Map(entries));
  fc.assert(
    fc.property(changes, changes, fc.nat(), (restartedFor, wished, generation) => {
      const annotations = restartAnnotations({ restartedFor, generation }, { ...restart, changes: wished });
      expect(restartedForIn(annotations.template)).toEqual(new Map([...restartedFor, ...wished]));
      expect(lastRestartIn(annotations.workload)).toMatchObject({ generation: generation + 1, unavailable: 1 });
    }),
  );
});

test.each(["", "{", "null", "7", '{"generation":1}', '{"generation":1,"unavailable":0,"watchers":[1]}'])(
  "a last restart of %j is none",
  (text) => {
    expect(lastRestartIn({ [LAST_RESTART]: text })).toBeUndefined();
  },
);

test("what others have written there is read as far as it makes sense", () => {
  expect(restartedForIn({ [RESTARTED_FOR]: " a=1 ,, b , c=2=3" })).toEqual(
    new Map([
      ["a", "1"],
      ["c", "2=3"],
    ]),
  );
});

const metadata = { name: "web", uid: "uid", resourceVersion: "1", generation: 2 };
const template = { metadata: { annotations: { [RESTARTED_FOR]: "logs=now@3" } } };

test("a Deployment is at rest when kubectl rollout status says so", () => {
  const spec = { replicas: 2, selector: {}, template };
  const at = (status: object) => ofDeployment({ metadata, spec, status: { observedGeneration: 2, ...status } });
  expect(at({ replicas: 2, updatedReplicas: 2, availableReplicas: 2 })).toMatchObject({
    kind: "Deployment",
    isReplacing: false,
    unavailable: 0,
    hasFailed: false,
    restartedFor: NOW,
  });
  expect(at({ replicas: 3, updatedReplicas: 2, availableReplicas: 2 }).isReplacing).toBe(true);
  expect(at({ replicas: 2, updatedReplicas: 1, availableReplicas: 2 }).isReplacing).toBe(true);
  expect(at({ replicas: 2, updatedReplicas: 2, availableReplicas: 1 }).unavailable).toBe(1);
  expect(at({ observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2 }).isReplacing).toBe(true);
  expect(at({ conditions: [{ type: "Progressing", status: "False" }] }).hasFailed).toBe(true);
  expect(ofDeployment({ metadata, spec: { ...spec, paused: true } }).obstacle).toBe("is paused");
});

test("a StatefulSet is at rest when kubectl rollout status says so, with a partition too", () => {
  const at = (status: object, updateStrategy: object = {}) =>
    ofStatefulSet({
      metadata,
      spec: { replicas: 3, selector: {}, serviceName: "web", template, updateStrategy },
      status: { observedGeneration: 2, replicas: 3, readyReplicas: 3, ...status },
    });
  const rolling = { currentRevision: "a", updateRevision: "b", updatedReplicas: 1 };
  expect(at({ currentRevision: "b", updateRevision: "b" })).toMatchObject({ isReplacing: false, unavailable: 0 });
  expect(at(rolling).isReplacing).toBe(true);
  expect(at(rolling, { type: "RollingUpdate", rollingUpdate: { partition: 2 } }).isReplacing).toBe(false);
  expect(at(rolling, { type: "OnDelete" }).obstacle).toBe("has updateStrategy OnDelete");
  expect(at({ readyReplicas: 2 }).unavailable).toBe(1);
});

test("a DaemonSet is at rest when kubectl rollout status says so", () => {
  const at = (status: object, updateStrategy: object = {}) =>
    ofDaemonSet({
      metadata,
      spec: { selector: {}, template, updateStrategy },
      status: {
        observedGeneration: 2,
        currentNumberScheduled: 2,
        numberMisscheduled: 0,
        numberReady: 2,
        desiredNumberScheduled: 2,
        updatedNumberScheduled: 2,
        numberAvailable: 2,
        ...status,
      },
    });
  expect(at({})).toMatchObject({ isReplacing: false, unavailable: 0 });
  expect(at({ updatedNumberScheduled: 1 }).isReplacing).toBe(true);
  expect(at({ numberAvailable: 1 }).unavailable).toBe(1);
  expect(at({}, { type: "OnDelete" }).obstacle).toBe("has updateStrategy OnDelete");
});
