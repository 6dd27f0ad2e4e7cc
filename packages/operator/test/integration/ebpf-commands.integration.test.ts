/*
 * `pcmc agent uninstall` and `pcmc top`, and their examples, against a real API server and the real kernel.
 *
 * Invariants:
 * - Uninstalling removes every trace of the agents of a folder, and nothing while one of them runs.
 * - What it leaves in the API server, and how that goes, is said. Where it cannot do its work, it says in a line what to do.
 * - `top` finds the agents of a namespace by their label and account, asks them through the API server, and believes each about
 *   the Pods of its own node alone; without agents it says what to do, and goes on where it has seen some.
 */
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { networkInterfaces } from "node:os";
import { freePort } from "@pcmc/devcluster";
import { describe, expect, onTestFinished, test } from "vitest";
import { examples } from "../../src/cli/examples.ts";
import { AGENT_LABEL } from "../../src/ebpf/agent/names.ts";
import { EBPF_READY } from "../../src/ebpf/condition.ts";
import { Folder } from "../cli/support.ts";
import { testNetwork } from "../ebpf/support/network.ts";
import { noKernel, skipped } from "../ebpf/support/node.ts";
import { AgentStage } from "./support/agent-stage.ts";
import { RunningLine } from "./support/running-line.ts";
import { useWorld } from "./support/world.ts";

const DOCS = new URL("../../../../docs/EBPF_FEATURES.md", import.meta.url);
const LABELS = { [AGENT_LABEL]: "true" };

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
      stdout: `removed the programs of 1 Pod and the node's system call counter from ${stage.node.pinDir}\nthe Pods keep their condition ${EBPF_READY}: docs/EBPF_FEATURES.md, Removing it, has how to clear it\n`,
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

  test("what uninstall leaves in the API server goes by the command of the docs, and nothing else with it", async () => {
    await using stage = await AgentStage.create(world);
    const [command = ""] = (await readFile(DOCS, "utf8")).match(/^kubectl get pods -A [\s\S]*?\ndone$/m) ?? [];
    await stage.createPod("web", { runs: false });
    await stage.createPod("other", { runs: false, spec: { nodeName: "elsewhere" } });
    const [ready, ours] = ["Ready", EBPF_READY].map((type) => ({ type, status: "True" }));
    for (const pod of ["web", "other"]) await stage.namespace.patchStatus("pods", pod, { conditions: [ready, ours] });
    const folder = await Folder.with({});
    const PATH = `${process.env.KUBEBUILDER_ASSETS ?? ""}:${process.env.PATH}`;
    const env = { PATH, KUBECONFIG: world.cluster.kubeconfig };
    const { code, stderr } = await folder.shell(command.replaceAll("NODE", stage.nodeName), { env });
    expect([code, stderr]).toEqual([0, ""]);
    const types = async (pod: string) =>
      (await stage.namespace.get("pods", pod)).status?.conditions?.map(({ type }) => type);
    expect([await types("web"), await types("other")]).toEqual([["Ready"], ["Ready", EBPF_READY]]);
  });

  test("uninstall says in a line why it cannot, and what to do", async () => {
    await using stage = await AgentStage.create(world);
    const folder = await Folder.with({});
    await stage.namespace.createConfig("all", EVERYTHING);
    await stage.createPod("web");
    const agent = await stage.startAgent();
    await stage.reason("web", "Attached");
    await agent.stop();
    const uninstall = `agent uninstall --bpf-pin-dir ${stage.node.pinDir}`;
    stage.remount("ro");
    const { code, stdout, stderr } = await folder.run(uninstall);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^BpffsReadOnly: [^\n]*Mount the bpffs writable[^\n]*\n$/);
    // As somebody who is not root: a bpffs is root's alone.
    const as = await folder.shell(`setpriv --reuid 65534 --clear-groups --inh-caps=-all pcmc ${uninstall}`);
    expect([as.code, as.stdout]).toEqual([1, ""]);
    expect(as.stderr).toMatch(/^NotPermitted: [^\n]*Run the agent as uid 0[^\n]*\n$/);
    stage.remount("rw");
    expect(await folder.run(uninstall)).toMatchObject({ code: 0 });
  });

  test.skipIf(ownAddress === undefined)("top believes an agent about the Pods of its node alone", async () => {
    await using stage = await AgentStage.create(world);
    const own = await stage.createPod("own", { runs: false });
    const other = await stage.createPod("other", { runs: false, spec: { nodeName: "elsewhere" } });
    const { name: namespace } = stage.namespace;
    let looks = 0;
    const told = [
      { uid: own.pod.metadata.uid, name: "own" },
      { uid: other.pod.metadata.uid, name: "other" },
      { uid: other.pod.metadata.uid, name: "own" },
      { uid: "0-1", name: "invented" },
    ].map((pod) => ({ ...pod, namespace, syscalls: { read: 1 } }));
    let node = stage.nodeName;
    const server = createServer((_, response) =>
      response.end(JSON.stringify({ node, at: ++looks * 1_000, pods: told })),
    );
    await once(server.listen(0, ownAddress), "listening");
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const folder = await Folder.with({});
    const env = { KUBECONFIG: world.cluster.kubeconfig };
    const top = (more = "") =>
      folder.run(`top --once --interval 200ms -o json --agent-namespace ${namespace}${more}`, { env });
    await stage.agentPod({ labels: LABELS, account: "default", address: ownAddress ?? "", port });
    expect(await top()).toMatchObject({ code: 2, stderr: expect.stringContaining("no node agent was found") });
    await stage.namespace.remove("pods", "agent");
    await stage.agentPod({ labels: LABELS, address: ownAddress ?? "", port });
    expect(await folder.run("top --once --interval 200ms", { env })).toMatchObject({ code: 2 });
    for (const more of ["", ` -n ${namespace}`]) {
      const { code, stdout, stderr } = await top(more);
      expect([code, JSON.parse(stdout).pods.map((pod: { readonly name: string }) => pod.name)]).toEqual([1, ["own"]]);
      expect(stderr).toMatch(/^not all is shown: Pod [^\n]*it tells of 1 Pods of other nodes[^\n]*\n$/);
    }
    node = "elsewhere";
    const { stdout, stderr } = await top();
    expect(JSON.parse(stdout).pods).toEqual([]);
    expect(stderr).toContain("it says that it is the agent of elsewhere");
    await stage.namespace.remove("pods", "agent");
  });

  test.skipIf(ownAddress === undefined)("top goes on when the agents it has seen are gone, and says so", async () => {
    await using stage = await AgentStage.create(world);
    const folder = await Folder.with({ ".kube/config": await readFile(world.cluster.kubeconfig, "utf8") });
    const port = await freePort();
    await stage.startAgent({ METRICS_ADDR: `${ownAddress}:${port}` });
    await stage.agentPod({ labels: LABELS, address: ownAddress ?? "", port });
    const line = `pcmc top --interval 200ms --agent-namespace ${stage.namespace.name}`;
    await using live = new RunningLine(line, { cwd: folder.path, env: {} });
    await live.says("NAMESPACE");
    await stage.namespace.remove("pods", "agent");
    await live.says("not all is shown: no node agent was found");
    live.kill("SIGINT");
    expect(await live.ended).toBe(0);
  });

  test.skipIf(ownAddress === undefined)(
    `top shows what Pods do, through the API server${ownAddress === undefined ? " (skipped: no address but loopback)" : ""}`,
    async () => {
      await using stage = await AgentStage.create(world);
      const folder = await Folder.with({});
      const env = { KUBECONFIG: world.cluster.kubeconfig };
      const top = (line: string) =>
        folder.run(`top --once --agent-namespace ${stage.namespace.name} --node ${stage.nodeName}${line}`, { env });
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
      await stage.agentPod({ labels: LABELS, address: ownAddress ?? "", port });
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
      expect(pod.packets).toEqual({ allowedPerSecond: 0, blockedPerSecond: 0, unparsablePerSecond: 0 });
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
