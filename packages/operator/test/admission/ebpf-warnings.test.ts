import { describe, expect, test } from "vitest";
import { ebpfWarnings } from "../../src/admission/ebpf-warnings.ts";
import { fieldOf } from "../../src/api/conform.ts";
import type { EbpfConfig } from "../../src/api/ebpf-config.ts";

const said = (config: EbpfConfig) =>
  ebpfWarnings(config).map(({ path, message }) => `${fieldOf(path.slice(2))}: ${message}`);
const firewall = (l4Firewall: NonNullable<EbpfConfig["l4Firewall"]>) => said({ l4Firewall });
const calls = (...syscallNames: string[]) => said({ syscallMonitoring: { enabled: true, syscallNames } });

describe("the firewall", () => {
  test("a port in both lists is said to be blocked", () => {
    expect(
      firewall({ enabled: true, allowedPorts: [22, 80, 443], blockedPorts: [443, 22], defaultAction: "block" }),
    ).toEqual([
      "l4Firewall.allowedPorts: ports 22, 443 in blockedPorts too: blocked wins; remove from one of the lists",
    ]);
  });

  test.each([
    ["no port is allowed", {}],
    ["all that are allowed are blocked", { allowedPorts: [80], blockedPorts: [80] }],
  ])("blocking by default where %s shuts all", (_, ports) => {
    expect(firewall({ enabled: true, defaultAction: "block", ...ports })).toContain(
      "l4Firewall.defaultAction: blocks every port, because none is allowed here: add the open ones to allowedPorts",
    );
  });

  test("allowed ports close nothing while all others are allowed too", () => {
    expect(firewall({ enabled: true, allowedPorts: [80] })).toEqual([
      "l4Firewall.allowedPorts: closes nothing, because defaultAction is allow: to close all other ports, set it to block",
    ]);
  });

  test("a firewall without a rule blocks nothing", () => {
    expect(firewall({ enabled: true, direction: "ingress", mode: "enforce", establishedConnections: "keep" })).toEqual([
      "l4Firewall: blocks nothing: name ports in blockedPorts, or set defaultAction to block and name allowedPorts",
    ]);
  });

  test("rules without enabled are not in force", () => {
    expect(firewall({ blockedPorts: [22] })).toEqual([
      "l4Firewall: enabled is not set, so no traffic is judged: set enabled to true, or to false if that is meant",
    ]);
  });

  test.each(["egress", "both"] as const)("%s with name resolution shut is told", (direction) => {
    expect(firewall({ enabled: true, direction, defaultAction: "block", allowedPorts: [443] })).toEqual([
      "l4Firewall.allowedPorts: blocks name resolution too, because port 53 is not open: add it to allowedPorts, or to blockedPorts if that is meant",
    ]);
  });

  const unremarkable: readonly (readonly [string, NonNullable<EbpfConfig["l4Firewall"]>])[] = [
    ["is off on purpose", { enabled: false, allowedPorts: [80], defaultAction: "block" }],
    ["has but what the CRD fills in", { direction: "ingress", mode: "enforce", establishedConnections: "keep" }],
    [
      "opens port 53 to the outside",
      { enabled: true, direction: "egress", defaultAction: "block", allowedPorts: [53, 443] },
    ],
    [
      "shuts port 53 on purpose",
      { enabled: true, direction: "egress", defaultAction: "block", allowedPorts: [443], blockedPorts: [53] },
    ],
    [
      "only tries out what would shut port 53",
      { enabled: true, mode: "audit", direction: "egress", defaultAction: "block", allowedPorts: [443] },
    ],
    ["blocks single ports", { enabled: true, blockedPorts: [22] }],
    ["opens single ports", { enabled: true, defaultAction: "block", allowedPorts: [80], blockedPorts: [22] }],
  ];

  test.each(unremarkable)("nothing is said of one that %s", (_, l4Firewall) => {
    expect(firewall(l4Firewall)).toEqual([]);
  });
});

describe("system calls", () => {
  test("a name that no architecture has is told with the one that was meant", () => {
    expect(calls("connect", "opennat")).toEqual([
      'syscallMonitoring.syscallNames[1]: "opennat" is no system call that is known, and is not counted: did you mean openat?',
    ]);
  });

  test("a name that one architecture lacks is told with the architecture", () => {
    expect(calls("alarm")).toEqual([
      "syscallMonitoring.syscallNames[0]: alarm is no system call on arm64: on such nodes it is not counted",
    ]);
  });

  test.each(["open", "stat", "fork", "poll"])(
    "%s has a variant where it is missing itself, so nothing is said",
    (name) => {
      expect(calls(name)).toEqual([]);
    },
  );

  test("of very many unknown names only the first are compared with all that there are", () => {
    const many = Array.from({ length: 512 }, (_, index) => `opnat${index}`);
    const said = calls(...many);
    expect(said).toHaveLength(512);
    expect(said.filter((line) => line.includes("did you mean"))).toHaveLength(5);
  });

  test("a name that is given twice is told once", () => {
    expect(calls("nope", "nope")).toHaveLength(1);
  });

  test("names without enabled are not counted", () => {
    expect(said({ syscallMonitoring: { syscallNames: ["open"] } })).toEqual([
      "syscallMonitoring: enabled is not set, so no system call is counted: set enabled to true, or to false if that is meant",
    ]);
  });
});

describe("the export", () => {
  test("has nothing to export while nothing is counted", () => {
    expect(said({ metricsExport: { enabled: true }, l4Firewall: { enabled: false } })).toEqual([
      "metricsExport.enabled: there is nothing to export: enable syscallMonitoring or l4Firewall too",
    ]);
  });

  test("is off while enabled is not set", () => {
    expect(said({ metricsExport: { updateInterval: "30s" } })).toEqual([
      "metricsExport: enabled is not set, so nothing is exported: set enabled to true, or to false if that is meant",
    ]);
  });

  test("nothing is said of one that has something to export", () => {
    expect(said({ metricsExport: { enabled: true }, syscallMonitoring: { enabled: true } })).toEqual([]);
  });
});
