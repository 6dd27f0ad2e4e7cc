/**
 * Programs that make a known number of system calls, in real containers on a real node.
 *
 * Invariants:
 * - what is counted is what was made: no call more, none less, none under another's name, none of another Pod;
 * - whoever makes it: forks, processes in cgroups below the container's, containers started again, static Pods;
 * - what nobody asked for is not counted.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFailed, test } from "vitest";
import { agentLogs, agentMetrics } from "./support/agent.ts";
import { callsAre, callsOf, countedBy } from "./support/ebpf-counts.ts";
import { type EbpfPod, EbpfWorld, NAMESPACE } from "./support/ebpf-world.ts";
import { PROBE } from "./support/images.ts";
import { kubectl } from "./support/kubectl.ts";
import type { Probe } from "./support/probe.ts";
import { until } from "./support/until.ts";

const EXPORT = { metricsExport: { enabled: true, updateInterval: "1s" } };
const monitoring = (...syscallNames: readonly string[]) => ({
  syscallMonitoring: { enabled: true, syscallNames },
  ...EXPORT,
});

const isX86 = process.arch === "x64";

let world: EbpfWorld;
let first: Probe;
let second: Probe;

/** Makes calls in a Pod, and waits until just these are counted; then one more of each, so that none comes late. */
const countsExactly = async (pod: string, probe: Probe, calls: Readonly<Record<string, number>>) => {
  const before = await countedBy(world, pod);
  for (const [name, count] of Object.entries(calls)) await probe.ask("calls", name, count);
  await callsAre(world, pod, { before, wanted: calls });
  for (const name of Object.keys(calls)) await probe.ask("calls", name, 1);
  const wanted = Object.fromEntries(Object.entries(calls).map(([name, count]) => [name, count + 1]));
  await callsAre(world, pod, { before, wanted });
};

/** Pid of the first process of a Pod's container, as this machine counts them. */
const firstProcess = (pod: EbpfPod): number => {
  const [pid] = world.processes(pod, "probe").sort((one, other) => one - other);
  if (pid === undefined) throw new Error("the Pod has no process");
  return pid;
};

beforeAll(async () => {
  world = await EbpfWorld.start();
  await Promise.all(["first", "second", "other"].map((name) => world.run(name)));
  first = await world.probe("first");
  second = await world.probe("second");
});

beforeEach(() => {
  onTestFailed(async () => console.error(await agentLogs(world.cluster)));
});

afterAll(async () => {
  first?.[Symbol.dispose]();
  second?.[Symbol.dispose]();
  await world?.[Symbol.asyncDispose]();
});

describe("system calls of a Pod", () => {
  beforeAll(async () => {
    const names = ["read", "write", "openat", "connect", "accept", "getppid", ...(isX86 ? ["open"] : [])];
    await world.enforce("first", "some", { labels: { app: "first" }, ebpfConfig: monitoring(...names) });
    await world.enforce("second", "all", { labels: { app: "second" }, ebpfConfig: monitoring() });
  });

  test("are counted exactly, each under its own name", async () => {
    // A probe opens its files at the first call.
    await first.ask("calls", "getppid", 1);
    const calls = { read: 1000, write: 333, openat: 77, connect: 5, getppid: 4000 };
    await countsExactly("first", first, { ...calls, ...(isX86 ? { open: 12 } : {}) });
  });

  test("are counted under the names of their modern variants where the old name was asked for", async () => {
    await countsExactly("first", first, { accept4: 21, accept: 3, ...(isX86 ? { openat2: 9 } : {}) });
  });

  test("of two monitored Pods do not mix, and of others there is no series", async () => {
    const before = { first: await countedBy(world, "first"), second: await countedBy(world, "second") };
    const other = await world.probe("other");
    await Promise.all([
      first.ask("calls", "getppid", 12_345),
      second.ask("calls", "getppid", 54_321),
      other.ask("calls", "getppid", 777),
    ]);
    other[Symbol.dispose]();
    await callsAre(world, "first", { before: before.first, wanted: { getppid: 12_345 } });
    await callsAre(world, "second", { before: before.second, wanted: { getppid: 54_321 } });
    expect(await callsOf(world, "other")).toEqual(new Map());
  });

  test("that were not asked for are not counted", async () => {
    await first.ask("calls", "getuid", 50);
    await countsExactly("first", first, { getppid: 10 });
    expect([...(await callsOf(world, "first")).keys()]).not.toContain("getuid");
  });

  test.skipIf(!isX86)("of the 32-bit and the x32 table are not taken for others of the same number", async () => {
    // Here 3 and 4 are read and write; in the 64-bit table close and stat. 110 is getppid there.
    const wanted = { close: 0, stat: 0, getppid: 0, read: 0, write: 0 };
    await second.ask("calls", "getuid", 1);
    const before = await countedBy(world, "second");
    for (const number of [3, 4, 110]) await second.ask("compat", number, 500);
    for (const number of [0, 1, 3, 4, 110]) await second.ask("x32", number, 500);
    await second.ask("calls", "getuid", 40);
    await callsAre(world, "second", { before, wanted: { ...wanted, getuid: 40 } });
  });

  test("of a fork storm are all counted", async () => {
    const before = await countedBy(world, "first");
    const [children, calls, depth] = [300, 7, 3];
    await first.ask("forks", children, calls, depth);
    await callsAre(world, "first", { before, wanted: { getppid: children * calls * depth } });
    await countsExactly("first", first, { getppid: 1 });
  });

  test("of processes in a cgroup below the container's are counted", async () => {
    const pod = await world.pod("first");
    const pid = firstProcess(pod);
    const [, path = ""] = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8")) ?? [];
    const container = join(world.cgroup(pod), path.split("/").at(-1) ?? "");
    const [nested, deeper] = [join(container, "nested"), join(container, "nested", "deeper")];
    // Both have answered before they are looked for: else one that is late could be taken for the other.
    await first.ask("calls", "getuid", 1);
    const known = new Set(world.processes(pod, "probe"));
    using moved = await world.probe("first");
    await moved.ask("calls", "getuid", 1);
    const fresh = world.processes(pod, "probe").filter((process) => !known.has(process));
    expect(fresh).toHaveLength(1);
    mkdirSync(deeper, { recursive: true });
    try {
      writeFileSync(join(deeper, "cgroup.procs"), String(fresh[0]));
      await countsExactly("first", moved, { getppid: 1234, write: 99 });
    } finally {
      moved[Symbol.dispose]();
      await until("the cgroup is gone", async () => {
        for (const folder of [deeper, nested]) if (existsSync(folder)) rmdirSync(folder);
        return true;
      });
    }
  });

  test("carry the pid of the first container's first process as the node counts it", async () => {
    const pod = await world.pod("first");
    const pid = firstProcess(pod);
    // From this machine's pid namespace inwards: here, the node, the container.
    const [, ids = ""] = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    const [, onNode, inContainer] = ids.split(/\s+/);
    expect(inContainer).toBe("1");
    const labels = { namespace: NAMESPACE, pod_name: "first" };
    const series = (await agentMetrics(world.cluster)).of("ebpf_syscall_count_total", labels);
    expect([...new Set(series.map((one) => one.labels.pid))]).toEqual([onNode]);
  });

  test("go on being counted, under the same pid, when the container is started again", async () => {
    const labels = { namespace: NAMESPACE, pod_name: "second", syscall: "getppid" };
    const series = async () => (await agentMetrics(world.cluster)).of("ebpf_syscall_count_total", labels);
    const [before] = await series();
    // The others end with their namespace's first process.
    process.kill(firstProcess(await world.pod("second")), "SIGKILL");
    await until("the container runs again", async () => {
      const { status } = await world.pod("second");
      return status.containerStatuses?.every(({ restartCount, ready }) => restartCount === 1 && ready) || undefined;
    });
    second[Symbol.dispose]();
    second = await world.probe("second");
    await countsExactly("second", second, { getppid: 500 });
    const after = await series();
    expect(after.map(({ labels }) => labels)).toEqual([before?.labels]);
    // The start of a container makes calls too.
    expect(after[0]?.value).toBeGreaterThanOrEqual((before?.value ?? 0) + 501);
  });

  test("are those of all PodConfigMapConfigs that select the Pod", async () => {
    await world.enforce("first", "more", { labels: { app: "first" }, ebpfConfig: monitoring("getpid") });
    await countsExactly("first", first, { getpid: 64, getppid: 65 });
    await world.unconfigure("more");
  });
});

test("a static Pod is found, whose cgroup carries another UID than the API server's", async () => {
  const { cluster } = world;
  const folder = join(cluster.stateDir, "static");
  mkdirSync(folder);
  const kubelet = join(cluster.stateDir, "node-configuration/kubelet.yaml");
  writeFileSync(kubelet, `${readFileSync(kubelet, "utf8")}\nstaticPodPath: ${folder}\n`);
  const container = {
    name: "main",
    image: PROBE,
    imagePullPolicy: "Never",
    args: ["control", "/p/static"],
    volumeMounts: [{ name: "p", mountPath: "/p" }],
  };
  const volumes = [{ name: "p", hostPath: { path: join(cluster.stateDir, "p") } }];
  const metadata = { name: "static", namespace: NAMESPACE, labels: { app: "static" } };
  const pod = { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [container], volumes } };
  writeFileSync(join(folder, "static.json"), JSON.stringify(pod));
  await cluster.restart("kubelet");
  using probe = await world.probe("static");
  const [mirror = ""] = await until("its mirror is there", async () => {
    const names = await kubectl(cluster, ["-n", NAMESPACE, "get", "pods", "-l", "app=static", "-o", "name"]);
    return names.trim() === "" ? undefined : [names.trim().replace("pod/", "")];
  });
  await world.enforce(mirror, "static", { labels: { app: "static" }, ebpfConfig: monitoring("getppid") });
  await countsExactly(mirror, probe, { getppid: 321 });
});

test("nothing is attached any more when nobody asks for it", async () => {
  await world.unconfigure();
  await until("no program is attached and no link pinned", async () => {
    const samples = await agentMetrics(world.cluster);
    expect(samples.sum("ebpf_attached_programs", { namespace: NAMESPACE })).toBe(0);
    // Counters stay as long as their Pods.
    expect(world.links()).toEqual([]);
    return true;
  });
});
