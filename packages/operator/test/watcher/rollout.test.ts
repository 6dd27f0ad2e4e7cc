/*
 * Invariants:
 * - A workload that carries the mark of a revision is never restarted for that revision again, whatever state it is in.
 * - What the annotations say is what is read from them, whatever was there before.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  judge,
  RESTARTED_AT,
  RESTARTED_FOR,
  restartAnnotations,
  restartedForIn,
  type Workload,
} from "../../src/watcher/rollout.ts";
import { ofDaemonSet, ofDeployment, ofStatefulSet } from "../../src/watcher/workloads.ts";

const now = new Date("2026-01-31T15:04:05.678Z");
const wanted = { watcher: "logs", revision: "now", now };

const workload = (changes: Partial<Workload> = {}): Workload => ({
  kind: "Deployment",
  name: "web",
  restartedFor: new Map(),
  restartedAt: undefined,
  obstacle: undefined,
  isReplacing: false,
  isAvailable: true,
  isStuck: false,
  ...changes,
});

const NOW = new Map([["logs", "now"]]);
const FORMER = new Map([["logs", "former"]]);
const longAgo = new Date("2026-01-31T14:00:00Z");

test.each<{ what: string; changes: Partial<Workload>; type: string }>([
  { what: "at rest", changes: {}, type: "restart" },
  { what: "restarted for an earlier revision", changes: { restartedFor: FORMER }, type: "restart" },
  { what: "without its Pods, at rest", changes: { isAvailable: false }, type: "restart" },
  { what: "rolled by others", changes: { isReplacing: true }, type: "busy" },
  { what: "stuck in a roll of others", changes: { isReplacing: true, isStuck: true }, type: "restart" },
  { what: "in our roll for an earlier one", changes: { isReplacing: true, restartedFor: FORMER }, type: "restart" },
  { what: "in our roll", changes: { isReplacing: true, restartedFor: NOW }, type: "rolling" },
  { what: "not all available after it", changes: { isAvailable: false, restartedFor: NOW }, type: "rolling" },
  { what: "just restarted", changes: { restartedFor: NOW, restartedAt: now }, type: "rolling" },
  { what: "restarted long ago", changes: { restartedFor: NOW, restartedAt: longAgo }, type: "left" },
  { what: "paused", changes: { obstacle: "is paused" }, type: "left" },
])("a workload that is $what: $type", ({ changes, type }) => {
  expect(judge(workload(changes), wanted).type).toBe(type);
});

test("nothing makes a restart of what has been restarted for the revision", () => {
  const anyState = fc.record({
    obstacle: fc.constantFrom(undefined, "is paused"),
    isReplacing: fc.boolean(),
    isAvailable: fc.boolean(),
    isStuck: fc.boolean(),
    restartedAt: fc.constantFrom(undefined, now, longAgo),
  });
  fc.assert(
    fc.property(anyState, (state) => {
      expect(judge(workload({ ...state, restartedFor: NOW }), wanted).type).not.toBe("restart");
    }),
  );
});

test("the marks of several Watchers stand beside each other, and a new revision takes the place of its own", () => {
  const restartedFor = new Map([
    ["zoo", "z1"],
    ["logs", "former"],
  ]);
  expect(restartAnnotations({ restartedFor }, { revisions: NOW, now })).toEqual({
    [RESTARTED_AT]: "2026-01-31T15:04:05Z",
    [RESTARTED_FOR]: "logs=now,zoo=z1",
  });
});

test("what is written is read again", () => {
  const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,10}[a-z0-9])?$/);
  const revisions = fc.array(fc.tuple(name, fc.stringMatching(/^[-\w]{16}$/))).map((entries) => new Map(entries));
  fc.assert(
    fc.property(revisions, revisions, (restartedFor, wished) => {
      const annotations = restartAnnotations({ restartedFor }, { revisions: wished, now });
      expect(restartedForIn(annotations)).toEqual(new Map([...restartedFor, ...wished]));
    }),
  );
});

test("what others have written there is read as far as it makes sense", () => {
  expect(restartedForIn({ [RESTARTED_FOR]: " a=1 ,, b , c=2=3" })).toEqual(
    new Map([
      ["a", "1"],
      ["c", "2=3"],
    ]),
  );
});

const metadata = { name: "web", uid: "uid", resourceVersion: "1", generation: 2 };
const template = { metadata: { annotations: { [RESTARTED_FOR]: "logs=now" } } };

test("a Deployment is at rest when kubectl rollout status says so", () => {
  const spec = { replicas: 2, selector: {}, template };
  const at = (status: object) => ofDeployment({ metadata, spec, status: { observedGeneration: 2, ...status } });
  expect(at({ replicas: 2, updatedReplicas: 2, availableReplicas: 2 })).toMatchObject({
    kind: "Deployment",
    isReplacing: false,
    isAvailable: true,
    isStuck: false,
    restartedFor: NOW,
  });
  expect(at({ replicas: 3, updatedReplicas: 2, availableReplicas: 2 }).isReplacing).toBe(true);
  expect(at({ replicas: 2, updatedReplicas: 1, availableReplicas: 2 }).isReplacing).toBe(true);
  expect(at({ replicas: 2, updatedReplicas: 2, availableReplicas: 1 }).isAvailable).toBe(false);
  expect(at({ observedGeneration: 1, replicas: 2, updatedReplicas: 2, availableReplicas: 2 }).isReplacing).toBe(true);
  expect(at({ conditions: [{ type: "Progressing", status: "False" }] }).isStuck).toBe(true);
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
  expect(at({ currentRevision: "b", updateRevision: "b" })).toMatchObject({ isReplacing: false, isAvailable: true });
  expect(at(rolling).isReplacing).toBe(true);
  expect(at(rolling, { type: "RollingUpdate", rollingUpdate: { partition: 2 } }).isReplacing).toBe(false);
  expect(at(rolling, { type: "OnDelete" }).obstacle).toBe("has updateStrategy OnDelete");
  expect(at({ readyReplicas: 2 }).isAvailable).toBe(false);
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
  expect(at({})).toMatchObject({ isReplacing: false, isAvailable: true });
  expect(at({ updatedNumberScheduled: 1 }).isReplacing).toBe(true);
  expect(at({ numberAvailable: 1 }).isAvailable).toBe(false);
  expect(at({}, { type: "OnDelete" }).obstacle).toBe("has updateStrategy OnDelete");
});
