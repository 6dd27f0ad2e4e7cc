/*
 * docs/reference/metrics.md against what `pcmc agent` exports, alone and inside a manager.
 *
 * Invariants:
 * - Every metric that is exported is in the reference, and every one of the reference is exported, with its type.
 * - The labels of each sample are those of the reference; every metric of the agent's own has a sample.
 * - A manager without the role loads no native library, and exports nothing of eBPF.
 */
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { testNetwork } from "../ebpf/support/network.ts";
import { noKernel, skipped } from "../ebpf/support/node.ts";
import { AgentStage, podSamples } from "./support/agent-stage.ts";
import { eventually } from "./support/eventually.ts";
import { ManagerProcess } from "./support/manager-process.ts";
import { samplesOf } from "./support/metrics.ts";
import { documented, expectDocumented, OF_THE_AGENT, SHARED } from "./support/metrics-reference.ts";
import { useWorld } from "./support/world.ts";

const EVERYTHING = {
  ebpfConfig: {
    syscallMonitoring: { enabled: true },
    l4Firewall: { enabled: true, blockedPorts: [7000] },
    metricsExport: { enabled: true, updateInterval: "1s" },
  },
};

const ofTheAgent = (section: string): boolean => [OF_THE_AGENT, ...SHARED].includes(section);

/** Whether a process has the native library in its memory. */
const hasNativeLibrary = async ({ pid }: ManagerProcess): Promise<boolean> =>
  /koffi|libbpf/.test(await readFile(`/proc/${pid}/maps`, "utf8"));

describe.skipIf(noKernel)(`the metrics of a node agent${skipped}`, () => {
  const world = useWorld({ controllerManager: false });

  test("are those of the reference, with a sample of each", async () => {
    await using stage = await AgentStage.create(world);
    await using network = await testNetwork();
    await stage.namespace.createConfig("all", EVERYTHING);
    const web = await stage.createPod("web");
    // It fails first, so that there are errors to count.
    const agent = await stage.startAgent({ BPF_PIN_DIR: `${stage.elsewhere}/pcmc`, EBPF_RUN_STATS: "true" });
    await stage.reason("web", "BpffsNotMounted");
    stage.mountElsewhere();
    await stage.reason("web", "Attached");
    await network.serve(web.cgroup, [7000]);
    await network.reach("tcp", 7000);
    await eventually("what was blocked is exported", async () => {
      const samples = await podSamples(agent, "l4_firewall_total", "web");
      return samples.some(({ labels, value }) => labels.stat_type === "blocked" && value > 0);
    });
    const scrape = await agent.scrape();
    expectDocumented(scrape, await documented(ofTheAgent));
    const own = [...(await documented((section) => section === OF_THE_AGENT)).keys()];
    expect(own).toEqual(own.filter((metric) => samplesOf(scrape).some(({ name }) => name === metric)));
  });

  test("are all of the reference in a manager with --role all", async () => {
    await using stage = await AgentStage.create(world);
    await stage.namespace.createConfig("all", EVERYTHING);
    await stage.createPod("web");
    const env = { ...stage.env, WATCH_NAMESPACES: stage.namespace.name };
    await using manager = await ManagerProcess.start(env, [
      "--role=all",
      "--leader-election-lock-name",
      stage.nodeName,
    ]);
    await stage.reason("web", "Attached");
    await stage.namespace.settled("all");
    expectDocumented(await manager.scrape(), await documented(() => true));
    expect(await hasNativeLibrary(manager)).toBe(true);
  });

  test("are none in a manager without, which loads no native library", async () => {
    const namespace = await world.namespace();
    await namespace.createConfig("all", EVERYTHING);
    await namespace.createPod("web");
    await using manager = await ManagerProcess.start({
      KUBECONFIG: world.cluster.kubeconfig,
      WATCH_NAMESPACES: namespace.name,
      LEADER_ELECTION_ENABLED: "false",
    });
    await namespace.settled("all");
    expect([
      await hasNativeLibrary(manager),
      (await manager.scrape()).includes("podconfigmap_controller_ebpf_"),
    ]).toEqual([false, false]);
  });
});
