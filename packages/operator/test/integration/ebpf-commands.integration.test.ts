/*
 * `pcmc agent uninstall` and `pcmc top`, and their examples, against a real API server and the real kernel.
 *
 * Invariants:
 * - Uninstalling removes every trace of the agents of a folder, and nothing while one of them runs.
 * - `top` finds the agents of a cluster by their label and asks them through the API server; without agents it says what to do.
 */
import { readdir, readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { freePort } from "@pcmc/devcluster";
import { describe, expect, test } from "vitest";
import { examples } from "../../src/cli/examples.ts";
import { AGENT_LABEL } from "../../src/ebpf/agent/names.ts";
import { Folder } from "../cli/support.ts";
import { testNetwork } from "../ebpf/support/network.ts";
import { noKernel, skipped } from "../ebpf/support/node.ts";
import { AgentStage } from "./support/agent-stage.ts";
import { RunningLine } from "./support/running-line.ts";
import { useWorld } from "./support/world.ts";

const EVERYTHING = {
  ebpfConfig: {
    syscallMonitoring: { enabled: true, syscallNames: ["getppid"] },
    l4Firewall: { enabled: true, blockedPorts: [7000] },
  },
};

/** An address of this machine that the API server proxies to: it refuses loopback addresses. */
const ownAddress = Object.values(networkInterfaces())
  .flatMap((addresses = []) => addresses)
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;

describe.skipIf(noKernel)(`the commands of eBPF${skipped}`, () => {
  const world = useWorld({ controllerManager: false });

  test("uninstall removes all that agents left, and says what that was", async () => {
    await using stage = await AgentStage.create(world);
    await using network = await testNetwork();
    const folder = await Folder.with({});
    const uninstall = () => folder.run(`agent uninstall --bpf-pin-dir ${stage.node.pinDir}`);
    await stage.namespace.createConfig("all", EVERYTHING);
    const web = await stage.createPod("web");
    await network.serve(web.cgroup, [7000]);
    const agent = await stage.startAgent();
    await stage.reason("web", "Attached");
    expect(await uninstall()).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/^PinDirInUse: /) });
    expect(await network.reach("tcp", 7000)).toBe("closed");
    await agent.stop();
    expect(await network.reach("tcp", 7000)).toBe("closed");
    expect(await uninstall()).toEqual({
      code: 0,
      stdout: `removed the programs of 1 Pod and the node's system call counter from ${stage.node.pinDir}\n`,
      stderr: "",
    });
    // What ends in .debug is the kernel's own, in every bpffs.
    const left = (await readdir(stage.node.mount, { recursive: true })).filter((path) => !path.endsWith(".debug"));
    expect([await network.reach("tcp", 7000), left]).toEqual(["open", []]);
    expect(await uninstall()).toEqual({
      code: 0,
      stdout: `nothing is installed under ${stage.node.pinDir}\n`,
      stderr: "",
    });
  });

  test.skipIf(ownAddress === undefined)(
    `top shows what Pods do, through the API server${ownAddress === undefined ? " (skipped: no address but loopback)" : ""}`,
    async () => {
      await using stage = await AgentStage.create(world);
      const folder = await Folder.with({});
      const env = { KUBECONFIG: world.cluster.kubeconfig };
      const top = (line: string) => folder.run(`top --once --node ${stage.nodeName}${line}`, { env });
      expect(await top("")).toMatchObject({
        code: 2,
        stdout: "",
        stderr: expect.stringContaining("no node agent was found"),
      });
      await stage.namespace.createConfig("all", { ...EVERYTHING, podSelector: { matchLabels: { app: "web" } } });
      const web = await stage.createPod("web", { labels: { app: "web" } });
      const port = await freePort();
      await stage.startAgent({ METRICS_ADDR: `${ownAddress}:${port}` });
      await stage.reason("web", "Attached");
      await stage.agentPod({ labels: { [AGENT_LABEL]: "true" }, address: ownAddress ?? "", port });
      await stage.call(web, { getppid: 50 });
      const calls = stage.call(web, { getppid: 2_000_000 });
      const { code, stdout } = await top(" --interval 500ms -o json");
      await calls;
      await stage.namespace.remove("pods", "agent");
      expect(code).toBe(0);
      const [pod] = JSON.parse(stdout).pods;
      expect(pod).toMatchObject({
        namespace: stage.namespace.name,
        name: "web",
        node: stage.nodeName,
        blockedPorts: [],
      });
      expect(pod.syscalls.busiest[0]).toMatchObject({ name: "getppid" });
      expect(pod.packets).toEqual({ allowedPerSecond: 0, blockedPerSecond: 0 });
    },
  );

  test("the examples of the help do what they say", async () => {
    await using stage = await AgentStage.create(world);
    const folder = await Folder.with({ ".kube/config": await readFile(world.cluster.kubeconfig, "utf8") });
    const metrics = await freePort();
    const told: Readonly<Record<string, string>> = { ...stage.env, METRICS_ADDR: `127.0.0.1:${metrics}` };
    const { KUBECONFIG: _, ...env } = told;
    await using started = new AsyncDisposableStack();
    const start = (line: string) => {
      const child = started.use(new RunningLine(line.replace(":8080", `:${metrics}`), { cwd: folder.path, env }));
      return child;
    };
    const [agent, uninstall] = examples.agent.map(({ line }) => line);
    const running = start(agent ?? "");
    await running.says("controller has started");
    const [all, once, direct] = examples.top.map(({ line }) => line);
    // In a cluster whose agents are not known by their label, it says so.
    for (const line of [all, once]) expect(await start(line ?? "").ended).toBe(2);
    const live = start(direct ?? "");
    await live.says("NAMESPACE");
    live.kill("SIGINT");
    expect(await live.ended).toBe(0);
    running.kill("SIGTERM");
    expect(await running.ended).toBe(0);
    expect(await start(uninstall ?? "").ended).toBe(0);
  });
});
