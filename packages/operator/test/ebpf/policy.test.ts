/*
 * Invariants:
 * - A section that is not enabled asks for nothing; a Pod of which nobody asks anything has no policy.
 * - A packet is allowed when every PodConfigMapConfig allows it; within one, blocked > allowed > default.
 * - What cannot be in force is refused whole, and said.
 * - The revision tells apart what the kernel would do otherwise, and nothing else.
 */
import type { Container, Pod } from "kubernetes-types/core/v1.d.ts";
import { describe, expect, test } from "vitest";
import { podPolicy } from "../../src/ebpf/policy.ts";
import { isAllowed, type PortBitmap } from "../../src/ebpf/port-bitmap.ts";
import { config } from "../podconfigmap/fixtures.ts";
import { asking, counting, guarding, pod, policyOf, problemsOf } from "./policy-fixtures.ts";

const openOf = (bitmap: PortBitmap | undefined, ports: readonly number[]): readonly number[] =>
  ports.filter((port) => bitmap !== undefined && isAllowed(bitmap, port));

const NOTHING = {
  syscalls: undefined,
  firewall: undefined,
  exported: undefined,
  sources: [],
  problems: [],
  applies: false,
};

describe("nothing applies", () => {
  test("without a PodConfigMapConfig, and with one that has no ebpfConfig", () => {
    expect(policyOf([])).toMatchObject(NOTHING);
    expect(policyOf([config("app")])).toMatchObject(NOTHING);
  });

  test.each([
    ["whose sections do not say enabled", { syscallMonitoring: {}, l4Firewall: { blockedPorts: [22] } }],
    ["whose sections are switched off", { syscallMonitoring: { enabled: false }, l4Firewall: { enabled: false } }],
    ["that only exports", { metricsExport: { enabled: true } }],
    ["that only says what happens on failure", { onFailure: "block" }],
  ])("with one %s", (_, ebpfConfig) => {
    expect(policyOf([asking("app", ebpfConfig)])).toMatchObject(NOTHING);
  });

  test("to a Pod that is not selected", () => {
    const other = config("app", {
      podSelector: { matchLabels: { app: "db" } },
      ebpfConfig: { syscallMonitoring: { enabled: true } },
    });
    expect(policyOf([other])).toMatchObject(NOTHING);
  });

  test("to a Pod under a selector that cannot be read", () => {
    const unreadable = config("app", { podSelector: "all", ebpfConfig: { syscallMonitoring: { enabled: true } } });
    expect(policyOf([unreadable])).toMatchObject(NOTHING);
  });

  test.each(["Succeeded", "Failed"])("to a Pod that has %s", (phase) => {
    expect(policyOf([counting("app"), guarding("b", {})], pod({ status: { phase } }))).toMatchObject(NOTHING);
  });
});

test("a terminating Pod keeps its policy, since it still takes traffic", () => {
  const configs = [guarding("app", { blockedPorts: [22] })];
  const metadata = { ...pod().metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
  expect(policyOf(configs, pod({ metadata })).revision).toBe(policyOf(configs).revision);
});

test("a Pod that has no labels is under those that select everything", () => {
  expect(policyOf([counting("app", "read")], { spec: { containers: [] } }).syscalls).toEqual({ calls: ["read"] });
});

describe("system calls", () => {
  test("are the union of what is asked for, with variants, sorted and none twice", () => {
    const { syscalls } = policyOf([counting("a", "open", "read"), counting("b", "openat", "read", "read")]);
    expect(syscalls).toEqual({ calls: ["open", "openat", "openat2", "read"] });
  });

  test("without names are all, whatever others name", () => {
    expect(policyOf([counting("a", "open"), counting("b")]).syscalls).toEqual({ calls: "all" });
  });

  test("are those of the node's architecture", () => {
    const { syscalls, problems } = podPolicy(pod(), [counting("a", "open", "alarm")], { architecture: "arm64" });
    expect(syscalls).toEqual({ calls: ["openat", "openat2"] });
    expect(problems).toEqual([
      {
        pcmc: "a",
        reason: "UnknownSyscall",
        message: 'syscallNames: not counted, no system call on arm64: "alarm"',
        severity: "adjusted",
      },
    ]);
  });

  test("with unknown names only are none, never all", () => {
    const policy = policyOf([counting("a", "opennat")]);
    expect(policy.syscalls).toEqual({ calls: [] });
    expect(problemsOf(policy)).toEqual(["a UnknownSyscall adjusted"]);
    expect(policy.applies).toBe(true);
  });
});

describe("the firewall", () => {
  const verdicts = (...args: Parameters<typeof policyOf>) => policyOf(...args).firewall?.ingress?.tcp;

  test("of one lets blocked win over allowed, and both over the default", () => {
    const blocking = verdicts([
      guarding("a", { defaultAction: "block", allowedPorts: [80, 443, 22], blockedPorts: [22] }),
    ]);
    expect(openOf(blocking?.enforced, [0, 22, 80, 443, 65_535])).toEqual([80, 443]);
    const allowing = verdicts([guarding("a", { blockedPorts: [22], allowedPorts: [22, 80] })]);
    expect(openOf(allowing?.enforced, [0, 22, 80, 443, 65_535])).toEqual([0, 80, 443, 65_535]);
  });

  test("of several lets through what all allow", () => {
    const both = verdicts([
      guarding("a", { defaultAction: "block", allowedPorts: [80, 443] }),
      guarding("b", { defaultAction: "block", allowedPorts: [443, 8080] }),
    ]);
    expect(openOf(both?.enforced, [80, 443, 8080])).toEqual([443]);
  });

  test("judges what comes to the Pod unless it says otherwise", () => {
    expect(policyOf([guarding("a", {})]).firewall).toMatchObject({ egress: undefined, established: "keep" });
    expect(policyOf([guarding("a", { direction: "egress" })]).firewall?.ingress).toBeUndefined();
    const both = policyOf([guarding("a", { direction: "both", blockedPorts: [53] })]).firewall;
    for (const direction of [both?.ingress, both?.egress]) {
      for (const protocol of [direction?.tcp, direction?.udp]) {
        expect(openOf(protocol?.enforced, [53, 54])).toEqual([54]);
        expect(openOf(protocol?.audited, [53, 54])).toEqual([53, 54]);
      }
    }
  });

  test("in audit mode is kept apart from what is enforced", () => {
    const mixed = verdicts([
      guarding("a", { blockedPorts: [22] }),
      guarding("b", { mode: "audit", defaultAction: "block", allowedPorts: [80] }),
    ]);
    expect(openOf(mixed?.enforced, [22, 80, 443])).toEqual([80, 443]);
    expect(openOf(mixed?.audited, [22, 80, 443])).toEqual([80]);
  });

  test("takes a thousand ports in both lists with duplicates", () => {
    const ports = Array.from({ length: 1_000 }, (_, index) => 1 + index * 65);
    const policy = policyOf([
      guarding("a", { defaultAction: "block", allowedPorts: [...ports, ...ports], blockedPorts: ports.slice(0, 500) }),
    ]);
    expect(openOf(policy.firewall?.ingress?.udp.enforced, [...ports, 2, 3])).toEqual(ports.slice(500));
    expect(policy.problems).toEqual([
      {
        pcmc: "a",
        reason: "PortInBothLists",
        message:
          "allowedPorts: ports 1, 66, 131, 196, 261 and 495 more in blockedPorts too: blocked wins; remove from one of the lists",
        severity: "adjusted",
      },
    ]);
  });

  test("on a Pod with hostNetwork is refused whole, while its system calls are counted", () => {
    const host = pod({ spec: { containers: [], hostNetwork: true } });
    const policy = policyOf([guarding("a", { blockedPorts: [22] }), counting("b", "read")], host);
    expect(policy.firewall).toBeUndefined();
    expect(policy.syscalls).toEqual({ calls: ["read"] });
    expect(problemsOf(policy)).toEqual(["a HostNetwork refused"]);
    expect(policy.sources).toEqual([
      { name: "a", generation: 1 },
      { name: "b", generation: 1 },
    ]);
    expect(problemsOf(policyOf([counting("b", "read")], host))).toEqual([]);
  });

  test("on a Pod whose runtime may have a kernel of its own is in force, and told as not certain, once", () => {
    const sandboxed = pod({ spec: { containers: [], runtimeClassName: "kata" } });
    const policy = policyOf([guarding("a", { blockedPorts: [22] }), counting("b", "read")], sandboxed);
    expect(problemsOf(policy)).toEqual(["a RuntimeClass adjusted"]);
    expect(policy.problems[0]?.message).toMatch(/runtimeClassName kata.*neither counted nor judged/);
    expect(policy.firewall).toBeDefined();
    expect(problemsOf(policyOf([], sandboxed))).toEqual([]);
  });

  test.each([
    ["a port out of range", { enabled: true, defaultAction: "block", allowedPorts: [80, 70_000] }],
    ["port 0", { enabled: true, blockedPorts: [0] }],
    ["an action that there is not", { enabled: true, defaultAction: "deny" }],
    ["a port that is text", { enabled: true, allowedPorts: ["80"] }],
  ])("with %s, as an older definition may have stored it, is refused whole", (_, l4Firewall) => {
    const policy = policyOf([asking("a", { l4Firewall }), guarding("b", { blockedPorts: [22] })]);
    expect(problemsOf(policy)).toEqual(["a InvalidSection refused"]);
    expect(openOf(policy.firewall?.ingress?.tcp.enforced, [22, 80])).toEqual([80]);
    expect(policy.sources.map(({ name }) => name)).toEqual(["a", "b"]);
  });

  test("of an ebpfConfig that cannot be read at all is refused", () => {
    expect(problemsOf(policyOf([config("a", { ebpfConfig: "on" })]))).toEqual(["a InvalidSection refused"]);
  });
});

describe("connections that stand already", () => {
  const established = (...configs: Parameters<typeof policyOf>[0]) => policyOf(configs).firewall?.established;

  test("are judged anew when any firewall says so", () => {
    expect(established(guarding("a", {}), guarding("b", { establishedConnections: "enforce" }))).toBe("enforce");
  });

  test("are not cut because of one that only audits", () => {
    const audit = guarding("b", { mode: "audit", establishedConnections: "enforce" });
    expect(established(guarding("a", { blockedPorts: [22] }), audit)).toBe("keep");
    expect(established(audit)).toBe("enforce");
  });
});

describe("conflicts", () => {
  const web = guarding("web", { defaultAction: "block", allowedPorts: [80, 443] });

  test("are told on the one that does not get its way, by port and rival", () => {
    const { problems } = policyOf([web, guarding("base", { blockedPorts: [80] })]);
    expect(problems).toEqual([
      {
        pcmc: "web",
        reason: "PortConflict",
        message:
          "allowedPorts: port 80 is blocked by base (ingress) on Pods that both select, and all must allow a port: change one of the two",
        severity: "adjusted",
      },
    ]);
  });

  test("of established connections are told on the one that wanted them kept", () => {
    const policy = policyOf([guarding("a", {}), guarding("b", { establishedConnections: "enforce" })]);
    expect(problemsOf(policy)).toEqual(["a EstablishedConflict adjusted"]);
    expect(policy.problems[0]?.message).toContain("enforce instead of keep, because of b");
  });

  test.each([
    ["the rival only audits", guarding("base", { mode: "audit", blockedPorts: [80] })],
    ["the rival judges the other direction", guarding("base", { direction: "egress", blockedPorts: [80] })],
    ["the rival blocks another port", guarding("base", { blockedPorts: [22] })],
    ["the rival has no firewall", counting("base", "read")],
  ])("are none where %s", (_, rival) => {
    expect(problemsOf(policyOf([web, rival]))).toEqual([]);
  });
});

describe("the export", () => {
  const exporting = (name: string, metricsExport: object) =>
    asking(name, { syscallMonitoring: { enabled: true }, metricsExport });

  test.each([
    ["is off where nobody asks for it", [counting("a")], undefined],
    ["is off where it is switched off", [exporting("a", { enabled: false, updateInterval: "5s" })], undefined],
    ["is every 30 s where it does not say", [exporting("a", { enabled: true })], 30_000],
    [
      "is as often as whoever wants it most often",
      [
        exporting("a", { enabled: true, updateInterval: "1m" }),
        exporting("b", { enabled: true, updateInterval: "5s" }),
      ],
      5_000,
    ],
    [
      "can be asked for by one that counts nothing itself",
      [counting("a"), asking("b", { metricsExport: { enabled: true, updateInterval: "2s" } })],
      2_000,
    ],
  ])("%s", (_, configs, updateInterval) => {
    expect(policyOf(configs).exported?.updateInterval).toBe(updateInterval);
  });

  test.each([
    ["10ms", 1_000, "a IntervalTooShort adjusted"],
    ["0s", 1_000, "a IntervalTooShort adjusted"],
    ["soon", 30_000, "a IntervalInvalid adjusted"],
  ])("with an interval of %s, as an older definition may have stored it, is every %i ms", (text, interval, problem) => {
    const policy = policyOf([exporting("a", { enabled: true, updateInterval: text })]);
    expect(policy.exported).toEqual({ updateInterval: interval });
    expect(problemsOf(policy)).toEqual([problem]);
  });
});

test("one that says block on failure decides for the Pod, if it asks for anything", () => {
  const blocking = (section: object) => asking("b", { ...section, onFailure: "block" });
  expect(policyOf([counting("a"), blocking({ syscallMonitoring: { enabled: true } })]).onFailure).toBe("block");
  expect(policyOf([counting("a"), blocking({})]).onFailure).toBe("allow");
});

describe("the ports of probes", () => {
  const ports = [
    { name: "http", containerPort: 8080 },
    { name: "admin", containerPort: 9090 },
  ];
  const probePorts = (container: Partial<Container>, others: Partial<NonNullable<Pod["spec"]>> = {}) => {
    const containers = [{ name: "main", ports, ...container }];
    return policyOf([guarding("a", {})], pod({ spec: { containers, ...others } })).firewall?.probePorts;
  };

  test("are those of all probes and hooks, named ones resolved, sorted and none twice", () => {
    expect(
      probePorts({
        livenessProbe: { httpGet: { port: "http" } },
        readinessProbe: { tcpSocket: { port: 8080 } },
        startupProbe: { grpc: { port: 5000 } },
        lifecycle: { postStart: { httpGet: { port: "admin" } }, preStop: { tcpSocket: { port: 7000 } } },
      }),
    ).toEqual([5000, 7000, 8080, 9090]);
  });

  test("are those of sidecars too, whose names are their own", () => {
    const initContainers = [
      { name: "proxy", ports: [{ name: "http", containerPort: 15_000 }], startupProbe: { httpGet: { port: "http" } } },
    ];
    expect(probePorts({ livenessProbe: { httpGet: { port: "http" } } }, { initContainers })).toEqual([8080, 15_000]);
  });

  test.each([
    ["a command", { exec: { command: ["true"] } }, []],
    ["another host", { httpGet: { host: "192.0.2.1", port: 80 } }, []],
    ["a name that no port has", { httpGet: { port: "nope" } }, []],
    ["a number that is text", { httpGet: { port: "8443" } }, [8443]],
    ["a number out of range", { httpGet: { port: 70_000 } }, []],
  ])("of %s are %j", (_, livenessProbe, expected) => {
    expect(probePorts({ livenessProbe })).toEqual(expected);
  });
});

describe("the revision", () => {
  const base = [guarding("a", { blockedPorts: [22] }), counting("b", "read", "write")];
  const { revision } = policyOf(base);

  test("is the same for another wording of the same", () => {
    expect(policyOf([counting("x", "write", "read", "read"), guarding("y", { blockedPorts: [22, 22] })]).revision).toBe(
      revision,
    );
  });

  test.each([
    ["another port", [guarding("a", { blockedPorts: [23] }), base[1]]],
    ["another direction", [guarding("a", { blockedPorts: [22], direction: "egress" }), base[1]]],
    ["another mode", [guarding("a", { blockedPorts: [22], mode: "audit" }), base[1]]],
    [
      "another way with connections",
      [guarding("a", { blockedPorts: [22], establishedConnections: "enforce" }), base[1]],
    ],
    ["another system call", [base[0], counting("b", "read")]],
    ["all system calls", [base[0], counting("b")]],
    ["no firewall", [base[1]]],
    ["no system call", [base[0]]],
  ])("is another one with %s", (_, configs) => {
    expect(policyOf(configs.filter((one) => one !== undefined)).revision).not.toBe(revision);
  });

  test("is another one with another probe port", () => {
    const containers = [{ name: "main", livenessProbe: { tcpSocket: { port: 1 } } }];
    expect(policyOf(base, pod({ spec: { containers } })).revision).not.toBe(revision);
  });
});
