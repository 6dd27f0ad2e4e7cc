/*
 * Invariants of what is written of a Pod:
 * - No patch without a difference.
 * - A patch names our condition, the UID as its precondition, and nothing else.
 * - The time of the last transition is set when the status changes, and only then.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { patchOf } from "../../../src/ebpf/agent/condition-writer.ts";
import { EBPF_READY, type EbpfCondition } from "../../../src/ebpf/condition.ts";
import { storedPod } from "./support.ts";

const NOW = new Date(Date.UTC(2026, 0, 31, 12));
const wanted: EbpfCondition = { type: EBPF_READY, status: "True", reason: "Attached", message: "In the kernel." };
const ready = { type: "Ready", status: "True" };

const podWith = (...conditions: readonly object[]) =>
  storedPod("web", { status: { conditions: [ready, ...conditions] as never } });

const condition = (fields: object) => ({ metadata: { uid: "uid-of-web" }, status: { conditions: [fields] } });

test("a Pod without the condition gets it, with its time", () => {
  expect(patchOf(podWith(), wanted, NOW)).toEqual(condition({ ...wanted, lastTransitionTime: "2026-01-31T12:00:00Z" }));
});

test("a Pod that has it gets no patch, whatever else of it there is", () => {
  const stored = { ...wanted, lastTransitionTime: "2026-01-01T00:00:00Z", lastProbeTime: null };
  expect(patchOf(podWith(stored), wanted, NOW)).toBeUndefined();
});

test("another reason or message with the same status leaves the time as it is", () => {
  const stored = { ...wanted, reason: "FailedOpen", lastTransitionTime: "2026-01-01T00:00:00Z" };
  expect(patchOf(podWith(stored), wanted, NOW)).toEqual(condition({ ...wanted }));
});

test("another status begins a new time", () => {
  const stored = { ...wanted, status: "False", lastTransitionTime: "2026-01-01T00:00:00Z" };
  expect(patchOf(podWith(stored), wanted, NOW)).toEqual(
    condition({ ...wanted, lastTransitionTime: "2026-01-31T12:00:00Z" }),
  );
});

test("a condition that is not wanted any more is deleted, and only where there is one", () => {
  expect(patchOf(podWith({ ...wanted }), undefined, NOW)).toEqual(condition({ type: EBPF_READY, $patch: "delete" }));
  expect(patchOf(podWith(), undefined, NOW)).toBeUndefined();
});

test("what a patch makes of a Pod asks for no other patch", () => {
  const conditions = fc.record({
    type: fc.constant(EBPF_READY),
    status: fc.constantFrom("True" as const, "False" as const),
    reason: fc.constantFrom("Attached", "Pending", "NotPermitted"),
    message: fc.string(),
  });
  fc.assert(
    fc.property(
      fc.option(conditions, { nil: undefined }),
      fc.option(conditions, { nil: undefined }),
      (before, after) => {
        const pod = before === undefined ? podWith() : podWith({ ...before });
        if (patchOf(pod, after, NOW) === undefined) expect(after).toEqual(before);
        const patched = after === undefined ? podWith() : podWith({ ...after });
        expect(patchOf(patched, after, NOW)).toBeUndefined();
      },
    ),
  );
});
