/*
 * Invariants
 * - A status that is stored again says nothing.
 * - A trouble is told when it begins and when it becomes another; its end is told once.
 * - Each generation has one summary.
 */
import { describe, expect, test } from "vitest";
import type { PodConfigMapConfigStatus } from "../../src/api/podconfigmapconfig.ts";
import { eventsOf } from "../../src/podconfigmap/status-events.ts";

const condition = (type: string, status: "True" | "False", reason: string, message = `${reason} it is.`) => ({
  type,
  status,
  reason,
  message,
  observedGeneration: 1,
  lastTransitionTime: "2026-01-01T00:00:00Z",
});
const healthy: PodConfigMapConfigStatus = {
  observedGeneration: 1,
  matched: 3,
  failed: 0,
  conditions: [condition("Ready", "True", "UpToDate", "3 Pods up to date.")],
};
const inConflict: PodConfigMapConfigStatus = {
  observedGeneration: 1,
  matched: 3,
  failed: 1,
  conditions: [
    condition("Ready", "False", "ConfigMapConflict"),
    condition("Conflict", "True", "ConfigMapConflict", "1 of 3 Pods not up to date: web: taken"),
  ],
};
const told = (before: PodConfigMapConfigStatus | undefined, after: PodConfigMapConfigStatus) =>
  eventsOf(before, after).map(({ type, reason, note }) => `${type} ${reason}: ${note}`);

describe("the Events of a status", () => {
  test("sum up a generation that is new", () => {
    expect(told(undefined, healthy)).toEqual(["Normal Reconciled: Generation 1: 3 Pods selected, all up to date."]);
    expect(told(healthy, { ...healthy, observedGeneration: 2, matched: 1 })).toEqual([
      "Normal Reconciled: Generation 2: 1 Pod selected, all up to date.",
    ]);
  });

  test("tell a trouble when it begins, and not as long as it stays", () => {
    expect(told(healthy, inConflict)).toEqual(["Warning ConfigMapConflict: 1 of 3 Pods not up to date: web: taken"]);
    expect(told(inConflict, { ...inConflict, failed: 2 })).toEqual([]);
  });

  test("tell a trouble that has become another one", () => {
    const refused = { ...inConflict, conditions: [condition("Conflict", "True", "KeyCollision")] };
    expect(told(inConflict, refused)).toEqual(["Warning KeyCollision: KeyCollision it is."]);
  });

  test("tell the end of all trouble", () => {
    expect(told(inConflict, healthy)).toEqual(["Normal Recovered: 3 Pods up to date."]);
  });

  test("tell a trouble that has no condition of its own", () => {
    const failing = { ...healthy, conditions: [condition("Ready", "False", "Failed")] };
    expect(told(healthy, failing)).toEqual(["Warning Failed: Failed it is."]);
    expect(told(failing, failing)).toEqual([]);
  });

  test("sum up a new generation beside its trouble", () => {
    expect(told(healthy, { ...inConflict, observedGeneration: 2 })).toEqual([
      "Warning ConfigMapConflict: 1 of 3 Pods not up to date: web: taken",
      "Normal Reconciled: Generation 2: 3 Pods selected, 2 up to date, 1 failed.",
    ]);
  });

  test("tell what agents could not do, and not what is only waited for", () => {
    const withEbpf = (...conditions: ReturnType<typeof condition>[]) => ({
      ...healthy,
      conditions: [...(healthy.conditions ?? []), ...conditions],
    });
    const waiting = withEbpf(condition("EbpfReady", "False", "NotReported"));
    const failing = withEbpf(condition("EbpfReady", "False", "NoPermission"));
    const done = withEbpf(condition("EbpfReady", "True", "Attached"));
    expect(told(healthy, waiting)).toEqual([]);
    expect(told(waiting, failing)).toEqual(["Warning NoPermission: NoPermission it is."]);
    expect(told(failing, failing)).toEqual([]);
    expect(told(failing, done)).toEqual([]);
    expect(told(done, withEbpf(condition("EbpfAdjusted", "True", "PortConflict")))).toEqual([
      "Warning PortConflict: PortConflict it is.",
    ]);
  });

  test("tell why the ConfigMaps are not ready beside what agents could not do", () => {
    const failing = {
      ...healthy,
      conditions: [condition("Ready", "False", "Failed"), condition("EbpfReady", "False", "NoPermission")],
    };
    expect(told(healthy, failing)).toEqual([
      "Warning NoPermission: NoPermission it is.",
      "Warning Failed: Failed it is.",
    ]);
  });
});
