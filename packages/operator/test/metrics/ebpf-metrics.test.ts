/*
 * Invariants:
 * - Names and labels are those of docs/reference/metrics.md.
 * - Both directions of a firewall are one sum; allowed + blocked = tcp + udp.
 * - System calls are not shown before there is a process to show them under.
 * - What was counted of a Pod goes with it, and nothing of others does.
 */
import { Registry } from "prom-client";
import { beforeEach, expect, test } from "vitest";
import type { PodReading, RunStats } from "../../src/ebpf/outcome.ts";
import { type EbpfMetrics, ebpfMetrics } from "../../src/metrics/ebpf-metrics.ts";
import { reading, verdicts } from "../ebpf/agent/support.ts";

let registry: Registry;
let metrics: EbpfMetrics;
beforeEach(() => {
  registry = new Registry();
  metrics = ebpfMetrics(registry);
});

const samples = async (): Promise<string[]> =>
  (await registry.metrics())
    .split("\n")
    .filter((line) => /^\w/.test(line))
    .map((line) => line.replace("podconfigmap_controller_ebpf_", ""));

const show = (readings: readonly PodReading[], stats?: RunStats) =>
  metrics.show({
    agent: () => undefined,
    readings: () => readings,
    attached: () => readings.map(({ namespace, name, programs }) => ({ namespace, name, programs })),
    runStats: () => stats,
  });

test("an agent tells whether it is ready, and by how much its readings are late", async () => {
  const none = { readings: () => [], attached: () => [], runStats: () => undefined };
  metrics.show({ ...none, agent: () => ({ node: "node-1", ready: false, secondsLate: 2.5 }) });
  expect(await samples()).toEqual(['agent_ready{node="node-1"} 0', 'reading_lateness_seconds{node="node-1"} 2.5']);
  metrics.show({ ...none, agent: () => ({ node: "node-1", ready: true, secondsLate: 0 }) });
  expect(await samples()).toEqual(['agent_ready{node="node-1"} 1', 'reading_lateness_seconds{node="node-1"} 0']);
});

test("system calls are told by name, under the process of the Pod", async () => {
  const syscalls = new Map([
    ["read", 3n],
    ["openat", 12n],
  ]);
  show([reading("web", { syscalls, programs: ["syscall_counter"] })]);
  expect(await samples()).toEqual([
    'syscall_count_total{namespace="shop",pod_name="web",pid="4711",syscall="read"} 3',
    'syscall_count_total{namespace="shop",pod_name="web",pid="4711",syscall="openat"} 12',
    'attached_programs{namespace="shop",pod_name="web",program_type="syscall_counter"} 1',
  ]);
});

test("system calls wait for a process to be told under", async () => {
  show([reading("web", { pid: undefined, syscalls: new Map([["read", 3n]]), programs: [] })]);
  expect(await samples()).toEqual([]);
});

test("both directions are one sum, which is the same by verdict and by protocol", async () => {
  const firewall = {
    ingress: verdicts(5, 2, 3),
    egress: verdicts(10, 1, 4),
    blockedPorts: [],
    unparsable: { ingress: 0n, egress: 0n },
  };
  show([reading("web", { firewall, programs: ["l4_firewall"] })]);
  const stat = (type: string, value: number) =>
    `l4_firewall_total{namespace="shop",pod_name="web",stat_type="${type}"} ${value}`;
  expect((await samples()).slice(0, 4)).toEqual([
    stat("allowed", 15),
    stat("blocked", 3),
    stat("tcp", 11),
    stat("udp", 7),
  ]);
});

test("errors are counted by program and reason, and go with their Pod", async () => {
  const web = { uid: "1", namespace: "shop", name: "web" };
  metrics.onProgramError(web, "l4_firewall", "NotPermitted");
  metrics.onProgramError(web, "l4_firewall", "NotPermitted");
  metrics.onProgramError(web, "syscall_counter", "NoBtf");
  metrics.onProgramError({ ...web, uid: "2", name: "db" }, "l4_firewall", "CgroupGone");
  const error = (pod: string, program: string, type: string, count: number) =>
    `program_errors_total{namespace="shop",pod_name="${pod}",program_type="${program}",error_type="${type}"} ${count}`;
  expect(await samples()).toEqual([
    error("web", "l4_firewall", "not_permitted", 2),
    error("web", "syscall_counter", "no_btf", 1),
    error("db", "l4_firewall", "cgroup_gone", 1),
  ]);
  metrics.forget("1");
  expect(await samples()).toEqual([error("db", "l4_firewall", "cgroup_gone", 1)]);
});

test("the cost of programs is told where the kernel measures it, and only there", async () => {
  show([], { kind: "on", costs: [{ program: "l4_firewall", seconds: 0.25, runs: 1_000n }] });
  expect(await samples()).toEqual([
    'program_run_seconds_total{program_type="l4_firewall"} 0.25',
    'program_runs_total{program_type="l4_firewall"} 1000',
  ]);
  show([], { kind: "off", failure: { reason: "NotPermitted", message: "Not switched on." } });
  expect(await samples()).toEqual([]);
});

test("the cost does not go back when a Pod's programs go", async () => {
  const costs = (seconds: number, runs: bigint) =>
    show([], { kind: "on", costs: [{ program: "l4_firewall", seconds, runs }] });
  costs(3, 30n);
  await samples();
  costs(1, 10n);
  await samples();
  costs(1.5, 15n);
  expect(await samples()).toEqual([
    'program_run_seconds_total{program_type="l4_firewall"} 3.5',
    'program_runs_total{program_type="l4_firewall"} 35',
  ]);
});

test("failures go on from what an earlier process counted", async () => {
  const web = { uid: "1", namespace: "shop", name: "web" };
  metrics.restoreErrors(web, [{ program: "l4_firewall", reason: "NoMemory", count: 3 }]);
  metrics.onProgramError(web, "l4_firewall", "NoMemory");
  metrics.onProgramError(web, "syscall_counter", "NoBtf");
  const labels = 'namespace="shop",pod_name="web"';
  expect(await samples()).toEqual([
    `program_errors_total{${labels},program_type="l4_firewall",error_type="no_memory"} 4`,
    `program_errors_total{${labels},program_type="syscall_counter",error_type="no_btf"} 1`,
  ]);
  expect(metrics.errorsOf("1")).toEqual([
    { program: "l4_firewall", reason: "NoMemory", count: 4 },
    { program: "syscall_counter", reason: "NoBtf", count: 1 },
  ]);
  metrics.forget("1");
  expect(metrics.errorsOf("1")).toEqual([]);
});
