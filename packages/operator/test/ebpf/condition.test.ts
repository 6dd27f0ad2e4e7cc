/*
 * Invariants:
 * - The condition is True exactly when all that applies is in the kernel, or, on a Pod with the readiness gate, when nothing
 *   applies or `onFailure: allow` lets it pass; the reason tells these apart.
 * - A Pod without the gate to which nothing applies has none.
 * - Its message has no more characters than the admission policy lets through, whoever is named in it.
 * - What the agent writes, the manager reads back; what anybody else wrote makes nothing throw.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  EBPF_READY_MESSAGE_SIZE,
  hasReadinessGate,
  PROGRAM_TYPES,
  type Progress,
  parsePodCondition,
  podCondition,
} from "../../src/ebpf/condition.ts";
import type { PodPolicy } from "../../src/ebpf/policy.ts";
import { asking, counting, guarding, pod, policyOf } from "./policy-fixtures.ts";

const attached: Progress = { kind: "attached", programs: ["syscall_counter", "l4_firewall"] };
const failed: Progress = {
  kind: "failed",
  reason: "AttachFailed",
  message: "the kernel said: no",
  programs: ["syscall_counter"],
};
const pending: Progress = { kind: "pending", message: "the Pod has no cgroup yet" };
const both = policyOf([guarding("web", { blockedPorts: [22] }), counting("base", "read")]);
const blocking = policyOf([asking("web", { onFailure: "block", l4Firewall: { enabled: true, blockedPorts: [22] } })]);
const said = (policy: PodPolicy, progress: Progress, gate = false) => {
  const { status, reason, message } = podCondition(policy, { gate, progress }) ?? {};
  return status && `${status} ${reason}: ${message}`;
};

describe("the condition of a Pod", () => {
  test("is True with programs and generations once all is in the kernel", () => {
    expect(said(both, attached)).toBe(
      "True Attached: In the kernel: syscall_counter, l4_firewall. Policy: base@1, web@1.",
    );
  });

  test("names what is done otherwise than asked", () => {
    expect(said(policyOf([counting("a", "read", "nope")]), { kind: "attached", programs: ["syscall_counter"] })).toBe(
      'True Attached: In the kernel: syscall_counter. a: syscallNames: not counted, no system call on x86_64: "nope" Policy: a@1.',
    );
  });

  test("is False while the agent is at it, with the gate too, whatever happens on failure", () => {
    const expected = "False Pending: the Pod has no cgroup yet Policy: base@1, web@1.";
    expect(said(both, pending)).toBe(expected);
    expect(said(both, pending, true)).toBe(expected);
  });

  test("is False after a failure, with what is in the kernel all the same", () => {
    expect(said(both, failed)).toBe(
      "False AttachFailed: In the kernel: syscall_counter. the kernel said: no Policy: base@1, web@1.",
    );
  });

  test("lets a Pod with the gate be ready after a failure only where that is allowed", () => {
    expect(said(both, failed, true)).toBe(
      "True FailedOpen: In the kernel: syscall_counter. AttachFailed: the kernel said: no Policy: base@1, web@1.",
    );
    expect(said(blocking, failed, true)).toMatch(/^False AttachFailed: /);
  });

  test("is False for what is refused, however much is attached", () => {
    const host = pod({ spec: { containers: [], hostNetwork: true } });
    const policy = policyOf([guarding("web", {}), counting("base", "read")], host);
    expect(said(policy, { kind: "attached", programs: ["syscall_counter"] })).toMatch(
      /^False HostNetwork: In the kernel: syscall_counter\. web: l4Firewall is refused .* Policy: base@1, web@1\.$/,
    );
  });

  test("of one to which nothing applies is there for the gate alone", () => {
    expect(said(policyOf([]), attached, true)).toMatch(/^True NotRequired: /);
    expect(said(policyOf([]), attached)).toBeUndefined();
  });

  test("of one to which nothing applies says what could not be taken out of the kernel", () => {
    expect(said(policyOf([]), failed)).toBe("False AttachFailed: In the kernel: syscall_counter. the kernel said: no");
    expect(said(policyOf([]), failed, true)).toBe(
      "True FailedOpen: In the kernel: syscall_counter. AttachFailed: the kernel said: no",
    );
  });
});

test.each([
  ["podconfig.example.com/EbpfReady", true],
  ["example.com/Other", false],
])("a gate %s: %s", (conditionType, expected) => {
  expect(hasReadinessGate(pod({ spec: { containers: [], readinessGates: [{ conditionType }] } }))).toBe(expected);
});

describe("reading a condition", () => {
  test("gives back what was written", () => {
    const condition = podCondition(both, { gate: true, progress: failed });
    expect(parsePodCondition(condition ?? {})).toEqual({
      outcome: "failedOpen",
      reason: "AttachFailed",
      detail: "the kernel said: no",
      programs: ["syscall_counter"],
      generations: new Map([
        ["base", 1],
        ["web", 1],
      ]),
      unnamed: 0,
    });
  });

  test("gives back any sources and any failure, however it is worded", () => {
    const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?$/);
    const sources = fc.uniqueArray(fc.record({ name, generation: fc.nat() }), {
      minLength: 1,
      maxLength: 5,
      selector: (source) => source.name,
    });
    const message = fc.oneof(
      fc.string(),
      fc.constant("In the kernel: nothing. Policy: evil@7."),
      fc.constant("a: b: c"),
    );
    const programs = fc.subarray([...PROGRAM_TYPES]);
    fc.assert(
      fc.property(sources, message, programs, fc.boolean(), (of, text, attachedOnes, gate) => {
        const policy = { applies: true, onFailure: "allow", problems: [], sources: of } as const;
        const progress: Progress = { kind: "failed", reason: "KernelError", message: text, programs: attachedOnes };
        const read = parsePodCondition(podCondition(policy, { gate, progress }) ?? {});
        expect(read.generations).toEqual(new Map(of.map((source) => [source.name, source.generation])));
        expect([read.outcome, read.reason]).toEqual([gate ? "failedOpen" : "failed", "KernelError"]);
        if (attachedOnes.length > 0) expect([read.programs, read.detail]).toEqual([attachedOnes, text]);
      }),
    );
  });

  test("of two hundred PodConfigMapConfigs gives back those that have room, and how many have none", () => {
    const configs = Array.from({ length: 200 }, (_, index) => counting(`config-of-a-team-${1_000 + index}`, "read"));
    const policy = policyOf(configs);
    const long: Progress = { ...failed, message: "why ".repeat(1_000) };
    for (const progress of [attached, long]) {
      const condition = podCondition(policy, { gate: false, progress });
      expect(condition?.message.length).toBeLessThanOrEqual(EBPF_READY_MESSAGE_SIZE);
      // A source more would not have fit.
      expect(condition?.message.length).toBeGreaterThan(EBPF_READY_MESSAGE_SIZE - 100);
      const { generations, unnamed, programs } = parsePodCondition(condition ?? {});
      expect(programs).toEqual(progress.programs);
      expect([...generations.keys()]).toEqual(policy.sources.slice(0, generations.size).map(({ name }) => name));
      expect(generations.size + unnamed).toBe(200);
    }
  });

  test("has room for some names however long they are", () => {
    const sources = Array.from({ length: 200 }, (_, index) => ({
      name: `${index}${"n".repeat(250)}`,
      generation: 2 ** 53 - 1,
    }));
    const policy = { applies: true, onFailure: "allow", problems: [], sources } as const;
    const { message } = podCondition(policy, { gate: true, progress: { ...failed, message: "x".repeat(5_000) } }) ?? {};
    expect(message?.length).toBeLessThanOrEqual(EBPF_READY_MESSAGE_SIZE);
    expect(parsePodCondition({ status: "True", reason: "FailedOpen", message: message ?? "" }).generations.size).toBe(
      11,
    );
  });

  test("of any content throws nothing, and takes nothing unknown for attached", () => {
    const text = fc.option(fc.string(), { nil: undefined });
    fc.assert(
      fc.property(text, text, text, (status, reason, message) => {
        const condition = { ...(status && { status }), ...(reason && { reason }), ...(message && { message }) };
        const { outcome } = parsePodCondition(condition);
        expect(outcome === "attached").toBe(status === "True" && reason === "Attached");
      }),
    );
  });
});
