/*
 * Invariants:
 * - EbpfReady is True exactly when every live selected Pod has, at the present generation, all in the kernel.
 * - What only takes time is told apart from what has failed, and never hides it.
 * - The same Pods give the same message, in whatever order they come.
 * - What is done otherwise than asked is a condition of its own, and makes nothing unready.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Progress, parsePodCondition, podCondition } from "../../src/ebpf/condition.ts";
import type { ProgramType } from "../../src/ebpf/node-pod.ts";
import type { ParsedConfig } from "../../src/podconfigmap/config.ts";
import type { EbpfPod } from "../../src/podconfigmap/ebpf-pods.ts";
import { ebpfConditions } from "../../src/podconfigmap/ebpf-status.ts";
import { counting, guarding } from "../ebpf/policy-fixtures.ts";
import { config } from "./fixtures.ts";

const app = guarding("app", { blockedPorts: [22] });
const attached: Progress = { kind: "attached", programs: ["l4_firewall"] };
const failed = (reason: string, message = "it went wrong"): Progress => ({
  kind: "failed",
  reason,
  message,
  programs: [],
});

/** What an agent says that goes by generation `generation` of `app`. */
const report = (progress: Progress, { generation = 1, gate = false } = {}) => {
  const policy = { applies: true, onFailure: "allow", problems: [], sources: [{ name: "app", generation }] } as const;
  return parsePodCondition(podCondition(policy, { gate, progress }) ?? {});
};

const pod = (name: string, changes: Partial<EbpfPod> = {}): EbpfPod => ({
  name,
  labels: { app: "web" },
  nodeName: "node-1",
  hostNetwork: false,
  reported: report(attached),
  ...changes,
});

const told = (pods: readonly EbpfPod[], of: ParsedConfig = app, configs: readonly ParsedConfig[] = [of]) =>
  ebpfConditions(of, { pods, configs }).map(
    ({ type, status, reason, message }) => `${type}=${status} ${reason}: ${message}`,
  );

describe("there is no condition about eBPF", () => {
  test("without an ebpfConfig", () => {
    expect(told([pod("a")], config("app"))).toEqual([]);
  });
});

describe("EbpfReady", () => {
  test("is not True for a Pod whose condition has no room to name the PodConfigMapConfig, and says so", () => {
    const names = [...Array.from({ length: 300 }, (_, index) => `a-config-of-somebody-${1_000 + index}`), "app"];
    const sources = names.map((name) => ({ name, generation: 1 }));
    const policy = { applies: true, onFailure: "allow", problems: [], sources } as const;
    const condition = podCondition(policy, { gate: false, progress: attached });
    expect(told([pod("a", { reported: parsePodCondition(condition ?? {}) })])).toEqual([
      expect.stringMatching(/^EbpfReady=False NotNamed: 0\/1 Pods; node-1: a: NotNamed: .*have fewer select it$/),
    ]);
  });

  test("is True when all Pods have reported", () => {
    expect(told([pod("a"), pod("b")])).toEqual(["EbpfReady=True Attached: 2/2 Pods."]);
  });

  test("is True without a Pod, and for an ebpfConfig that asks for nothing", () => {
    expect(told([])).toEqual(["EbpfReady=True NoPods: 0/0 Pods."]);
    expect(told([pod("a", { labels: {} })], config("app", selecting({ app: "web" })))).toEqual([
      "EbpfReady=True NoPods: 0/0 Pods.",
    ]);
    const nothing = config("app", { ebpfConfig: { l4Firewall: { blockedPorts: [22] } } });
    expect(told([pod("a")], nothing)[0]).toMatch(/^EbpfReady=True NothingEnabled: /);
  });

  test("names the first failing nodes with their reasons", () => {
    const pods = [
      pod("ok"),
      pod("b2", { nodeName: "node-2", reported: report(failed("NoPermission", "the agent lacks CAP_BPF")) }),
      pod("b1", { nodeName: "node-2", reported: report(failed("NoPermission", "the agent lacks CAP_BPF")) }),
      pod("c", { nodeName: "node-3", reported: report(failed("CgroupNotFound")) }),
    ];
    expect(told(pods)).toEqual([
      "EbpfReady=False SeveralFailures: 1/4 Pods; node-2: b1: NoPermission: the agent lacks CAP_BPF, and 1 more Pod; " +
        "node-3: c: CgroupNotFound: it went wrong",
    ]);
  });

  test("counts the nodes that it does not name", () => {
    const pods = Array.from({ length: 8 }, (_, index) =>
      pod(`p${index}`, { nodeName: `node-${index}`, reported: report(failed("NoBpffs")) }),
    );
    const [line = ""] = told(pods);
    expect(line).toMatch(/^EbpfReady=False NoBpffs: 0\/8 Pods; node-0: p0: NoBpffs: .*; and 3 more nodes$/);
  });

  test.each([
    ["nobody has reported", { reported: undefined }, "NotReported"],
    ["the Pod has no node", { nodeName: undefined, reported: undefined }, "Unscheduled"],
    ["the agent is at it", { reported: report({ kind: "pending", message: "no cgroup yet" }) }, "Pending"],
    ["the report is about an older generation", { reported: report(attached, { generation: 0 }) }, "Outdated"],
    ["the report is about another PodConfigMapConfig", { reported: parsePodCondition({ status: "True" }) }, "Outdated"],
  ])("waits while %s", (_, changes, reason) => {
    expect(told([pod("a", changes), pod("b")])[0]).toMatch(new RegExp(`^EbpfReady=False ${reason}: 1/2 Pods; `));
  });

  test("tells a failure before what only takes time", () => {
    const pods = [pod("a", { reported: undefined }), pod("b", { reported: report(failed("NoBtf")) })];
    expect(told(pods)).toEqual(["EbpfReady=False NoBtf: 0/2 Pods; node-1: b: NoBtf: it went wrong; 1 waiting"]);
  });

  test("takes a Pod that was let pass for failed, whatever its readiness gate says", () => {
    expect(told([pod("a", { reported: report(failed("AttachFailed"), { gate: true }) })])).toEqual([
      "EbpfReady=False AttachFailed: 0/1 Pods; node-1: a: AttachFailed: it went wrong",
    ]);
  });

  test("is False for a Pod with hostNetwork under a firewall, whatever an agent says, and not for counting", () => {
    const host = pod("a", { hostNetwork: true });
    expect(told([host])[0]).toMatch(
      /^EbpfReady=False HostNetwork: 0\/1 Pods; node-1: a: HostNetwork: l4Firewall is refused/,
    );
    expect(told([host], counting("app", "read"))).toEqual(["EbpfReady=True Attached: 1/1 Pods."]);
  });

  test("is True for one whose part is in the kernel, while that of another on the same Pod is refused", () => {
    const reported = (programs: readonly ProgramType[], reason: string) =>
      report({ kind: "failed", reason, message: "other: refused", programs });
    const counted = counting("app", "read");
    const host = (report: EbpfPod["reported"]) => [pod("a", { hostNetwork: true, reported: report })];
    expect(told(host(reported(["syscall_counter"], "HostNetwork")), counted)).toEqual([
      "EbpfReady=True Attached: 1/1 Pods.",
    ]);
    expect(told(host(reported([], "HostNetwork")), counted)[0]).toMatch(/^EbpfReady=False HostNetwork: /);
    expect(told(host(reported(["syscall_counter"], "KernelError")), counted)[0]).toMatch(
      /^EbpfReady=False KernelError: /,
    );
  });

  test("is False for a section that cannot be read, and for a selector that cannot", () => {
    const ebpfConfig = { l4Firewall: { enabled: true, defaultAction: "deny" } };
    expect(told([pod("a")], config("app", { ebpfConfig }))[0]).toMatch(/^EbpfReady=False InvalidSection: 0\/1 Pods; /);
    const unreadable = config("app", { podSelector: "all", ebpfConfig: { syscallMonitoring: { enabled: true } } });
    expect(told([pod("a")], unreadable)[0]).toMatch(/^EbpfReady=False InvalidSelector: /);
  });

  test("has a reason that a condition can have, whatever was reported", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (reason, message) => {
        const reported = { ...report(attached), outcome: "failed", reason, detail: message } as const;
        const [condition] = ebpfConditions(app, { pods: [pod("a", { reported })], configs: [app] });
        expect(condition?.reason).toMatch(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/);
        expect(condition?.message.length).toBeLessThanOrEqual(1_024);
      }),
    );
  });

  test("says the same of the same Pods in any order", () => {
    const outcome = fc.constantFrom(attached, failed("A"), failed("B"), { kind: "pending", message: "soon" } as const);
    const one = fc.record({ node: fc.integer({ min: 1, max: 7 }), progress: outcome });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 12 }), fc.nat(), (wishes, turn) => {
        const pods = wishes.map(({ node, progress }, index) =>
          pod(`p${index}`, { nodeName: `node-${node}`, reported: report(progress) }),
        );
        const turned = [...pods.slice(turn % (pods.length + 1)), ...pods.slice(0, turn % (pods.length + 1))].reverse();
        const expected = told(pods);
        expect(told(turned)).toEqual(expected);
        const ready = wishes.filter(({ progress }) => progress.kind === "attached").length;
        expect(expected[0]).toContain(`: ${ready}/${wishes.length} Pods`);
        expect(expected[0]?.startsWith("EbpfReady=True")).toBe(ready === wishes.length);
      }),
    );
  });
});

const selecting = (matchLabels: object) => ({
  podSelector: { matchLabels },
  ebpfConfig: { l4Firewall: { enabled: true, defaultAction: "block", allowedPorts: [80] } },
});

describe("EbpfAdjusted", () => {
  test("names ports in both lists, unknown system calls and intervals together", () => {
    const odd = config("app", {
      ebpfConfig: {
        l4Firewall: { enabled: true, allowedPorts: [22, 80], blockedPorts: [22] },
        syscallMonitoring: { enabled: true, syscallNames: ["read", "opennat"] },
        metricsExport: { enabled: true, updateInterval: "10ms" },
      },
    });
    expect(told([pod("a")], odd)).toEqual([
      "EbpfReady=True Attached: 1/1 Pods.",
      'EbpfAdjusted=True UnknownSyscall: syscallNames: not counted, no system call known: "opennat"; ' +
        "allowedPorts: port 22 in blockedPorts too: blocked wins; remove from one of the lists; " +
        "updateInterval: 10ms is below 1s: 1s is used",
    ]);
  });

  test("names a conflict with one that selects the same Pod, and none with one that does not", () => {
    const web = config("web", selecting({ app: "web" }));
    const all = guarding("all", { blockedPorts: [80] });
    const pods = [pod("a", { reported: undefined })];
    expect(told(pods, web, [web, all])[1]).toMatch(
      /^EbpfAdjusted=True PortConflict: allowedPorts: port 80 is blocked by all /,
    );
    expect(told(pods, all, [web, all])).toHaveLength(1);
    const db = config("db", selecting({ app: "db" }));
    expect(told(pods, db, [db, all])).toEqual(["EbpfReady=True NoPods: 0/0 Pods."]);
  });
});
