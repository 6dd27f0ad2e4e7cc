/*
 * Invariants:
 * - A Pod is taken for guarded or counted that lives and says that all it should have is in the kernel; of no other is it told that
 *   nobody attends it.
 * - Of nodes without an agent a bounded number is looked at, always the same, and the rest is a count.
 */
import type { Pod, PodCondition } from "kubernetes-types/core/v1.d.ts";
import { describe, expect, test } from "vitest";
import { isAttached, withoutAgent } from "../../../src/cli/doctor/unattended.ts";
import { podCondition } from "../../../src/ebpf/condition.ts";
import { pod } from "./fixtures.ts";

const sources = [{ name: "rules", generation: 1 }];
const policy = { applies: true, onFailure: "allow", problems: [], sources } as const;
const attached = { kind: "attached", programs: ["l4_firewall"] } as const;
const failed = { kind: "failed", reason: "NoBtf", message: "no type information", programs: [] } as const;

/** As agents write them. */
const conditions = {
  attached: podCondition(policy, { gate: false, progress: attached }),
  notRequired: podCondition({ ...policy, applies: false, sources: [] }, { gate: true, progress: attached }),
  failedOpen: podCondition(policy, { gate: true, progress: failed }),
  failed: podCondition(policy, { gate: false, progress: failed }),
};

const holding = (condition: PodCondition | undefined, phase = "Running"): Parameters<typeof isAttached>[0] =>
  pod("web", { phase, conditions: condition === undefined ? [] : [condition] } satisfies Pod["status"]);

describe("a Pod", () => {
  test.each([
    ["that is attached", holding(conditions.attached), true],
    ["that nothing is asked of", holding(conditions.notRequired), false],
    ["that failed, and is let in", holding(conditions.failedOpen), false],
    ["that failed", holding(conditions.failed), false],
    ["that says nothing", holding(undefined), false],
    ["that has ended", holding(conditions.attached, "Succeeded"), false],
  ])("%s", (_, one, expected) => expect(isAttached(one)).toBe(expected));

  test("that is ending is no matter any more", () => {
    const one = holding(conditions.attached);
    const metadata = { ...one.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
    expect(isAttached({ ...one, metadata })).toBe(false);
  });
});

describe("nodes without an agent", () => {
  test("are looked at by name, ten at the most", () => {
    const names = Array.from({ length: 13 }, (_, i) => `node-${String(13 - i).padStart(2, "0")}`);
    const { looked, leftOut } = withoutAgent(names, new Set(["node-02"]));
    expect([looked.length, looked[0], looked[1], leftOut]).toEqual([10, "node-01", "node-03", 2]);
  });

  test("are none where each has one", () => {
    expect(withoutAgent(["a", "b"], new Set(["a", "b", "gone"]))).toEqual({ looked: [], leftOut: 0 });
  });
});
