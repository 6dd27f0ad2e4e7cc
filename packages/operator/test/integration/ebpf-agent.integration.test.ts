/*
 * The agent of a node as a process, against a real API server and the real kernel: cgroups, bpffs and network of a test's own.
 *
 * Invariants:
 * - A Pod that a PodConfigMapConfig selects is counted and guarded, and its condition says so once it is; what is counted is
 *   exact, and exported only where that is asked for.
 * - A Pod gets the condition when a policy applies, or it names the condition as readiness gate; no other Pod gets it, and
 *   nothing else of any Pod is written. What is as it should be is not written again.
 * - Killing the agent takes nothing out of the kernel; counters go on. What is of Pods that are gone goes, but never before the
 *   API server has told which there are.
 * - A cgroup that is made anew is guarded anew at once, and one that is gone is said to be; a Pod that runs has one, or has failed.
 * - An agent says nothing of Pods that another one looks after, and removes nothing that it cannot know to be gone.
 * - A node without eBPF is told, once, as is each Pod it concerns; the agent stays, is not ready, and works when that is mended.
 */
import { freePort } from "@pcmc/devcluster";
import { describe, expect, test } from "vitest";
import { EBPF_READY } from "../../src/ebpf/condition.ts";
import { testNetwork } from "../ebpf/support/network.ts";
import { noKernel, skipped } from "../ebpf/support/node.ts";
import { AgentStage, podSamples } from "./support/agent-stage.ts";
import { eventually } from "./support/eventually.ts";
import { samplesOf } from "./support/metrics.ts";
import { useWorld } from "./support/world.ts";

const COUNTING = {
  ebpfConfig: {
    syscallMonitoring: { enabled: true, syscallNames: ["getppid", "close"] },
    metricsExport: { enabled: true, updateInterval: "1s" },
  },
};

const GUARDING = {
  ebpfConfig: {
    l4Firewall: { enabled: true, blockedPorts: [7000] },
    metricsExport: { enabled: true, updateInterval: "1s" },
  },
};

/** Waits until the export of a Pod's system call has come to `count`. */
const exported = (agent: Parameters<typeof podSamples>[0], pod: string, [call, count]: readonly [string, number]) =>
  eventually(`${call} of ${pod} is ${count}`, async () => {
    const samples = await podSamples(agent, "syscall_count_total", pod);
    if (samples.find(({ labels }) => labels.syscall === call)?.value === count) return samples;
    throw new Error(`it is ${JSON.stringify(samples)}`);
  });

describe.skipIf(noKernel)(`the agent of a node${skipped}`, () => {
  const world = useWorld({ controllerManager: false, audit: true });

  test("counts the system calls of selected Pods, exactly, and says so in condition and metrics", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", { ...COUNTING, podSelector: { matchLabels: { app: "web" } } });
    const web = await stage.createPod("web", { labels: { app: "web" } });
    const other = await stage.createPod("other");
    const agent = await stage.startAgent();
    const condition = await stage.reason("web", "Attached");
    expect(condition).toMatchObject({
      status: "True",
      message: "In the kernel: syscall_counter. Policy: calls@1.",
    });
    await stage.call(web, { getppid: 123, getuid: 7 });
    await stage.call(other, { getppid: 1_000 });
    const samples = await exported(agent, "web", ["getppid", 123]);
    const labels = { namespace: stage.namespace.name, pod_name: "web" };
    expect(samples.map((sample) => sample.labels)).toEqual(
      samples.map(({ labels: { syscall } }) => ({ ...labels, pid: String(web.pid), syscall })),
    );
    expect(samples.every(({ labels: { syscall = "" } }) => ["getppid", "close"].includes(syscall))).toBe(true);
    expect(await podSamples(agent, "attached_programs", "web")).toEqual([
      {
        name: "podconfigmap_controller_ebpf_attached_programs",
        labels: { ...labels, program_type: "syscall_counter" },
        value: 1,
      },
    ]);
    expect(await stage.condition("other")).toBeUndefined();
    expect((await agent.scrape()).includes('pod_name="other"')).toBe(false);
    expect(await agent.readiness()).toMatchObject({ status: 200 });
  });

  test("guards ports, leaves them guarded when it is killed, and goes on where it was", async () => {
    await using stage = await AgentStage.create(world);
    await using network = await testNetwork();
    await stage.namespace.createConfig("ports", GUARDING);
    const web = await stage.createPod("web");
    await network.serve(web.cgroup, [7000, 7001]);
    expect(await network.reach("tcp", 7000)).toBe("open");
    const first = await stage.startAgent();
    await stage.reason("web", "Attached");
    expect(await network.reach("tcp", 7000)).toBe("closed");
    first.kill("SIGKILL");
    await first.exit;
    expect([await network.reach("tcp", 7000), await network.reach("tcp", 7001)]).toEqual(["closed", "open"]);
    const second = await stage.startAgent();
    const stats = await eventually("all verdicts are exported", async () => {
      const samples = await podSamples(second, "l4_firewall_total", "web");
      return samples.length > 0 && Object.fromEntries(samples.map(({ labels, value }) => [labels.stat_type, value]));
    });
    // A SYN that stays without answer can be sent again.
    expect(stats).toEqual({ allowed: 1, blocked: stats.blocked, tcp: 1 + (stats.blocked ?? 0), udp: 0 });
    expect(stats.blocked).toBeGreaterThanOrEqual(2);
    expect(await network.reach("tcp", 7000)).toBe("closed");
  });

  test("counts on over a kill, with what was called while no agent ran", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", COUNTING);
    const web = await stage.createPod("web");
    const first = await stage.startAgent();
    await stage.reason("web", "Attached");
    await stage.call(web, { getppid: 10 });
    await exported(first, "web", ["getppid", 10]);
    first.kill("SIGKILL");
    await first.exit;
    await stage.call(web, { getppid: 100 });
    const second = await stage.startAgent();
    await stage.call(web, { getppid: 1_000 });
    await exported(second, "web", ["getppid", 1_110]);
  });

  test("attaches when the cgroup of a Pod appears, and says until then that it waits", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", COUNTING);
    const agent = await stage.startAgent();
    await agent.ready();
    const { pod } = await stage.createPod("web", { runs: false });
    expect(await stage.reason("web", "Pending")).toMatchObject({ status: "False" });
    // The kubelet makes the cgroup before it tells the API server anything.
    stage.node.makeCgroup(`kubepods/besteffort/pod${pod.metadata.uid}`);
    expect(await stage.reason("web", "Attached")).toMatchObject({ status: "True" });
  });

  test("guards a cgroup anew that is made anew, and says when one is gone, without waiting for a resync", async () => {
    await using stage = await AgentStage.create(world);
    await using network = await testNetwork();
    await stage.namespace.createConfig("ports", GUARDING);
    const [anew, gone] = [
      await stage.createPod("anew", { runs: false }),
      await stage.createPod("gone", { runs: false }),
    ];
    const cgroupOf = ({ metadata }: typeof anew.pod) => `kubepods/besteffort/pod${metadata.uid}`;
    for (const { pod } of [anew, gone]) stage.node.makeCgroup(cgroupOf(pod));
    await stage.startAgent({ CONTROLLER_RESYNC_PERIOD: "0" });
    for (const name of ["anew", "gone"]) await stage.reason(name, "Attached");
    stage.node.removeCgroup(cgroupOf(gone.pod));
    stage.node.removeCgroup(cgroupOf(anew.pod));
    await network.serve(stage.node.makeCgroup(cgroupOf(anew.pod)), [7000]);
    await stage.reason("gone", "Pending");
    await eventually("it is guarded", async () => (await network.reach("tcp", 7000)) === "closed");
    await stage.reason("anew", "Attached");
  });

  test("says of a Pod that runs and has no cgroup here that it has failed, and counts it", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", COUNTING);
    const { pod } = await stage.createPod("web", { runs: false });
    const agent = await stage.startAgent();
    await stage.reason("web", "Pending");
    const state = { running: { startedAt: "2026-01-31T12:00:00Z" } };
    const containerStatuses = [{ name: "main", state, image: "", imageID: "", ready: true, restartCount: 0 }];
    await stage.namespace.patchStatus("pods", "web", { phase: "Running", containerStatuses });
    expect(await stage.reason("web", "CgroupNotFound")).toMatchObject({
      status: "False",
      message: expect.stringContaining("CGROUP_ROOT"),
    });
    const [errors] = await podSamples(agent, "program_errors_total", "web");
    expect(errors?.labels).toMatchObject({ program_type: "syscall_counter", error_type: "cgroup_not_found" });
    stage.node.makeCgroup(`kubepods/besteffort/pod${pod.metadata.uid}`);
    await stage.reason("web", "Attached");
  });

  test("counts a Pod's failures on over a restart", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", COUNTING);
    const { pod } = await stage.createPod("web", { runs: false });
    const cgroup = `kubepods/besteffort/pod${pod.metadata.uid}`;
    stage.node.makeCgroup(cgroup);
    const first = await stage.startAgent();
    await stage.reason("web", "Attached");
    stage.node.removeCgroup(cgroup);
    const state = { running: { startedAt: "2026-01-31T12:00:00Z" } };
    const containerStatuses = [{ name: "main", state, image: "", imageID: "", ready: true, restartCount: 0 }];
    await stage.namespace.patchStatus("pods", "web", { phase: "Running", containerStatuses });
    await stage.reason("web", "CgroupNotFound");
    const failures = async (agent: typeof first) => (await podSamples(agent, "program_errors_total", "web"))[0]?.value;
    const before = (await failures(first)) ?? 0;
    expect(before).toBeGreaterThan(0);
    await first.stop();
    const second = await stage.startAgent();
    const after = await eventually("it has counted", () => failures(second));
    expect(after).toBeGreaterThan(before);
  });

  test("leaves the Pods to the agent that has the pin directory: a second one writes nothing and is not ready", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", COUNTING);
    await stage.createPod("web");
    await stage.startAgent();
    await stage.reason("web", "Attached");
    const { resourceVersion } = (await stage.namespace.get("pods", "web")).metadata;
    const second = await stage.startAgent();
    await eventually("it has looked at the Pod", async () => {
      const [errors] = await podSamples(second, "program_errors_total", "web");
      return errors?.labels.error_type === "pin_dir_in_use";
    });
    expect((await second.readiness())?.text).toMatch(/^\[-\]ebpf: Another agent/m);
    await second.stop();
    expect((await stage.namespace.get("pods", "web")).metadata.resourceVersion).toBe(resourceVersion);
  });

  test("removes nothing under another node's name, nor of namespaces that it does not watch", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", COUNTING);
    const web = await stage.createPod("web");
    const first = await stage.startAgent();
    await stage.reason("web", "Attached");
    await first.stop();
    const other = await stage.startAgent({ NODE_NAME: `${stage.nodeName}.example.com` });
    await eventually("it says what is wrong", async () =>
      /^\[-\]ebpf: .*NODE_NAME/m.test((await other.readiness())?.text ?? ""),
    );
    await other.stop();
    const narrow = await stage.startAgent({ WATCH_NAMESPACES: "kube-system" });
    await narrow.ready();
    await narrow.stop();
    expect(await stage.pinned()).toEqual([web.pod.metadata.uid]);
    expect(await stage.condition("web")).toMatchObject({ status: "True" });
  });

  test("gives Pods with the readiness gate the condition in any case, and takes it from others with the policy", async () => {
    await using stage = await AgentStage.create(world);
    await stage.createPod("gated", { gate: true });
    await stage.createPod("plain");
    const agent = await stage.startAgent();
    expect(await stage.reason("gated", "NotRequired")).toMatchObject({ status: "True" });
    expect(await stage.condition("plain")).toBeUndefined();
    await stage.namespace.createConfig("calls", COUNTING);
    const since = (await stage.reason("gated", "Attached")).lastTransitionTime;
    expect(since).toBe((await stage.condition("gated"))?.lastTransitionTime);
    await stage.reason("plain", "Attached");
    await stage.namespace.remove("podconfigmapconfigs", "calls");
    await stage.reason("gated", "NotRequired");
    await eventually("the other has none again", async () => (await stage.condition("plain")) === undefined);
    await eventually(
      "and its series have gone",
      async () => (await podSamples(agent, "attached_programs", "plain")).length === 0,
    );
  });

  test("writes the condition once for each change, and nothing else of a Pod; a restart writes nothing", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", COUNTING);
    await stage.createPod("web");
    const before = await stage.namespace.get("pods", "web");
    const first = await stage.startAgent();
    await stage.reason("web", "Attached");
    const after = await stage.namespace.get("pods", "web");
    const { conditions = [], ...rest } = after.status ?? {};
    const { conditions: own = [], ...restBefore } = before.status ?? {};
    expect(conditions.filter(({ type }) => type !== EBPF_READY)).toEqual(own);
    expect(rest).toEqual(restBefore);
    expect(after.metadata.labels).toEqual(before.metadata.labels);
    expect(after.spec).toEqual(before.spec);
    await first.stop();
    const second = await stage.startAgent();
    await second.ready();
    await eventually(
      "the Pod is exported again",
      async () => (await podSamples(second, "attached_programs", "web")).length > 0,
    );
    const writes = (await world.cluster.auditEvents()).filter(
      ({ userAgent, verb, objectRef }) =>
        userAgent?.startsWith("podconfigmap-controller-agent/") &&
        !["get", "list", "watch"].includes(verb) &&
        objectRef?.namespace === stage.namespace.name,
    );
    expect(writes.map(({ verb, objectRef }) => `${verb} ${objectRef?.resource}/${objectRef?.subresource}`)).toEqual([
      "patch pods/status",
    ]);
  });

  test("releases a Pod that goes at once, and sweeps one that went meanwhile only when it knows of it", async () => {
    await using stage = await AgentStage.create(world);
    await using network = await testNetwork();
    await stage.namespace.createConfig("ports", GUARDING);
    const [web, gone] = [await stage.createPod("web"), await stage.createPod("gone")];
    await network.serve(gone.cgroup, [7000]);
    const first = await stage.startAgent();
    await stage.reason("web", "Attached");
    await stage.reason("gone", "Attached");
    await stage.namespace.remove("pods", "web");
    await eventually("nothing of it is pinned", async () => (await stage.pinned()).join() === gone.pod.metadata.uid);
    expect(web.pod.metadata.uid).not.toBe(gone.pod.metadata.uid);
    await first.stop();
    await stage.namespace.remove("pods", "gone");
    // It knows nothing of the cluster: nobody listens there.
    const nowhere = await stage.kubeconfigOf(`https://127.0.0.1:${await freePort()}`);
    const blind = await stage.startAgent({ KUBECONFIG: nowhere });
    await blind.says("took over what an earlier agent left");
    expect([await network.reach("tcp", 7000), await stage.pinned()]).toEqual(["closed", [gone.pod.metadata.uid]]);
    await blind.stop();
    await stage.startAgent();
    await eventually("nothing is pinned any more", async () => (await stage.pinned()).length === 0);
    expect(await network.reach("tcp", 7000)).toBe("open");
  });

  test("stays up on a node without bpffs, says why once, and works when there is one", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", COUNTING);
    await stage.createPod("plain");
    await stage.createPod("gated", { gate: true });
    const agent = await stage.startAgent({ BPF_PIN_DIR: `${stage.elsewhere}/pcmc` });
    expect(await stage.reason("plain", "BpffsNotMounted")).toMatchObject({ status: "False" });
    // onFailure: allow must not take a Pod out of its Services.
    expect(await stage.reason("gated", "FailedOpen")).toMatchObject({ status: "True" });
    const readiness = await agent.readiness();
    expect(readiness?.status).toBe(503);
    expect(readiness?.text).toMatch(/^\[-\]ebpf: .*bpffs/m);
    const errors = samplesOf(await agent.scrape()).filter(({ name }) => name.endsWith("ebpf_program_errors_total"));
    expect(errors.map(({ labels }) => labels)).toContainEqual({
      namespace: stage.namespace.name,
      pod_name: "plain",
      program_type: "syscall_counter",
      error_type: "bpffs_not_mounted",
    });
    stage.mountElsewhere();
    await stage.reason("plain", "Attached");
    await stage.reason("gated", "Attached");
    await agent.ready();
    expect(agent.lines.filter((line) => line.includes("eBPF does not work on this node"))).toHaveLength(1);
  });

  test("tries again what fails for one Pod, counts and tells it, and leaves the others as they are", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", COUNTING);
    const before = await stage.createPod("before");
    const agent = await stage.startAgent({ CONTROLLER_MAX_RETRIES: "100" });
    await stage.reason("before", "Attached");
    stage.remount("ro");
    await stage.createPod("during");
    const condition = await eventually("the failure is told", async () => {
      const found = await stage.condition("during");
      return found?.status === "False" && found.reason !== "Pending" && found;
    });
    expect(condition).toMatchObject({ reason: "BpffsReadOnly", message: expect.stringContaining("Policy: calls@1.") });
    await eventually("it is tried again", async () => {
      const [errors] = await podSamples(agent, "program_errors_total", "during");
      return errors !== undefined && errors.value > 1 && errors.labels.error_type === "bpffs_read_only";
    });
    await stage.call(before, { getppid: 3 });
    await exported(agent, "before", ["getppid", 3]);
    expect((await stage.condition("before"))?.status).toBe("True");
    stage.remount("rw");
    await stage.reason("during", "Attached");
  });

  test("keeps a gated Pod out of Services where onFailure says so", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", { ebpfConfig: { ...COUNTING.ebpfConfig, onFailure: "block" } });
    await stage.createPod("gated", { gate: true });
    await stage.startAgent({ BPF_PIN_DIR: `${stage.elsewhere}/pcmc` });
    expect(await stage.reason("gated", "BpffsNotMounted")).toMatchObject({ status: "False" });
  });

  test("finds a static Pod, whose cgroup has another name than its mirror's UID", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", COUNTING);
    const hash = "0123456789abcdef0123456789abcdef";
    await stage.createPod("static", { runs: false, annotations: { "kubernetes.io/config.hash": hash } });
    const agent = await stage.startAgent();
    await stage.reason("static", "Pending");
    stage.node.makeCgroup(`kubepods/besteffort/pod${hash}`);
    await stage.reason("static", "Attached");
    expect(await podSamples(agent, "attached_programs", "static")).toHaveLength(1);
  });

  test("lets go of a Pod that has ended, and takes a new one of its name for another", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", COUNTING);
    const first = await stage.createPod("web");
    const agent = await stage.startAgent();
    await stage.reason("web", "Attached");
    await stage.call(first, { getppid: 500 });
    await exported(agent, "web", ["getppid", 500]);
    await stage.namespace.setPhase("web", "Succeeded");
    await eventually("nothing of it is pinned", async () => (await stage.pinned()).length === 0);
    expect((await stage.condition("web"))?.reason).toBe("Attached");
    await stage.namespace.remove("pods", "web");
    const second = await stage.createPod("web");
    await stage.reason("web", "Attached");
    expect(await stage.pinned()).toEqual([second.pod.metadata.uid]);
    await stage.call(second, { getppid: 5 });
    await exported(agent, "web", ["getppid", 5]);
  });

  test("exports nothing of a Pod whose PodConfigMapConfig does not ask for it, and counts it all the same", async () => {
    await using stage = await AgentStage.create(world);
    const { syscallMonitoring } = COUNTING.ebpfConfig;
    await stage.namespace.createConfig("calls", { ebpfConfig: { syscallMonitoring } });
    const web = await stage.createPod("web");
    const agent = await stage.startAgent();
    await stage.reason("web", "Attached");
    await stage.call(web, { getppid: 5 });
    expect((await agent.scrape()).includes('pod_name="web"')).toBe(false);
    await stage.namespace.patch("podconfigmapconfigs", "calls", { spec: COUNTING });
    await exported(agent, "web", ["getppid", 5]);
    await stage.namespace.patch("podconfigmapconfigs", "calls", {
      spec: { ebpfConfig: { metricsExport: { enabled: false } } },
    });
    await eventually("it is not exported any more", async () => !(await agent.scrape()).includes('pod_name="web"'));
  });

  test("leaves the Pods of other nodes alone", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", COUNTING);
    await stage.createPod("elsewhere", { gate: true, runs: false, spec: { nodeName: "another-node" } });
    await stage.createPod("here");
    await stage.startAgent();
    await stage.reason("here", "Attached");
    expect(await stage.condition("elsewhere")).toBeUndefined();
  });

  test("runs inside a manager with --role all, and goes on while that does not lead", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("calls", COUNTING);
    const web = await stage.createPod("web");
    const lock = {
      LEADER_ELECTION_LOCK_NAME: `lock-${stage.nodeName}`,
      LEADER_ELECTION_LOCK_NAMESPACE: stage.namespace.name,
    };
    await stage.holdLease(lock.LEADER_ELECTION_LOCK_NAME);
    const manager = await stage.startManager(lock);
    await stage.reason("web", "Attached");
    await stage.call(web, { getppid: 17 });
    await exported(manager, "web", ["getppid", 17]);
    expect(samplesOf(await manager.scrape()).find(({ name }) => name === "leader_election_master_status")?.value).toBe(
      0,
    );
  });
});
