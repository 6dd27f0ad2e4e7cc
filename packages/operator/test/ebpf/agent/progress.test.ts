/*
 * Invariants of what a condition says of an outcome:
 * - A Pod without a cgroup waits until a container of it runs; from then on its cgroup is somewhere else, which is a failure.
 * - A failure has the reason of the first one, the text of all, and what stands all the same.
 */
import { expect, test } from "vitest";
import { progressOf } from "../../../src/ebpf/agent/progress.ts";
import type { EbpfFailureReason } from "../../../src/ebpf/failure.ts";

const waiting = (reason: EbpfFailureReason) =>
  ({ kind: "waiting", failure: { reason, message: "No cgroup." } }) as const;

test("what is in the kernel is attached", () => {
  const outcome = { kind: "applied", programs: ["l4_firewall"], revision: "1" } as const;
  expect(progressOf(outcome, { isRunning: true })).toEqual({ kind: "attached", programs: ["l4_firewall"] });
});

test("a Pod without a cgroup waits while nothing of it runs", () => {
  expect(progressOf(waiting("CgroupNotFound"), { isRunning: false })).toEqual({
    kind: "pending",
    message: "No cgroup.",
  });
});

test.each(["CgroupNotFound", "CgroupGone"] as const)("%s of a Pod that runs is a failure", (reason) => {
  expect(progressOf(waiting(reason), { isRunning: true })).toEqual({
    kind: "failed",
    reason,
    message: expect.stringMatching(/^No cgroup\. .*CGROUP_ROOT/),
    programs: [],
  });
});

test("failures are told in one line, with the reason of the first", () => {
  const outcome = {
    kind: "failed",
    programs: ["l4_firewall"],
    failures: [
      { program: "l4_firewall", reason: "BpffsFull", message: "Full." },
      { program: "syscall_counter", reason: "NoMemory", message: "Short." },
    ],
    retry: true,
  } as const;
  expect(progressOf(outcome, { isRunning: true })).toEqual({
    kind: "failed",
    reason: "BpffsFull",
    message: "l4_firewall: Full.; syscall_counter: Short.",
    programs: ["l4_firewall"],
  });
});
