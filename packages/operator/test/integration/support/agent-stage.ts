import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { Pod, PodCondition } from "kubernetes-types/core/v1.d.ts";
import { METRICS_PORT } from "../../../src/ebpf/agent/names.ts";
import { EBPF_READY } from "../../../src/ebpf/condition.ts";
import { AGENT } from "../../../src/rbac/names.ts";
import { type Caller, caller } from "../../ebpf/support/calls.ts";
import { type TestNode, testNode } from "../../ebpf/support/node.ts";
import { eventually } from "./eventually.ts";
import { ManagerProcess } from "./manager-process.ts";
import { type Sample, samplesOf } from "./metrics.ts";
import type { Namespace } from "./namespace.ts";
import type { Held } from "./namespace-client.ts";
import type { World } from "./world.ts";

export interface AgentPodWish {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Whether the Pod names the condition as readiness gate. */
  readonly gate?: boolean;
  /** Whether it has a cgroup with a running container from the start. Default true. */
  readonly runs?: boolean;
  readonly spec?: object;
}

/** A Pod that the API server knows and whose cgroup is there, as if a kubelet had started it. */
export interface StagedPod {
  readonly pod: Held<Pod>;
  readonly cgroup: string;
  readonly pid: number;
}

/** What a stage needs of the world that it is in. */
type Ground = Pick<World, "cluster" | "namespace">;

/** Where an agent answers, and as which Pod. */
export interface AgentAddress {
  readonly labels: Readonly<Record<string, string>>;
  /** The name of its ServiceAccount. Default: that of agents. */
  readonly account?: string;
  readonly address: string;
  readonly port: number;
}

const CONTAINER = "c".repeat(64);

let nodes = 0;

/** A node with a real kernel and no kubelet: its Pods are in the API server and in cgroups by the hand of the test. */
export class AgentStage implements AsyncDisposable {
  readonly nodeName: string;
  readonly namespace: Namespace;
  readonly node: TestNode;
  readonly #world: Ground;
  readonly #caller: Caller;
  readonly #agents: ManagerProcess[] = [];
  /** A folder that is on no bpffs, until `mountElsewhere`. */
  readonly elsewhere = mkdtempSync(`${tmpdir()}/pcmc-agent-`);
  #mounted = false;

  private constructor(world: Ground, namespace: Namespace) {
    this.nodeName = `node-${process.pid}-${nodes++}`;
    this.#world = world;
    this.namespace = namespace;
    this.node = testNode();
    this.#caller = caller();
  }

  static async create(world: Ground): Promise<AgentStage> {
    return new AgentStage(world, await world.namespace());
  }

  /** What agents of this node are told. */
  get env(): Readonly<Record<string, string>> {
    return {
      KUBECONFIG: this.#world.cluster.kubeconfig,
      NODE_NAME: this.nodeName,
      BPF_PIN_DIR: this.node.pinDir,
      CGROUP_ROOT: this.node.cgroupRoot,
      LOG_LEVEL: "info",
    };
  }

  /** Starts `pcmc agent`; ended with the stage. */
  async startAgent(env: Readonly<Record<string, string>> = {}): Promise<ManagerProcess> {
    const agent = await ManagerProcess.startAgent({ ...this.env, ...env });
    this.#agents.push(agent);
    return agent;
  }

  /** Starts `pcmc manager --role all` in the agent's place. */
  async startManager(env: Readonly<Record<string, string>> = {}): Promise<ManagerProcess> {
    const args = ["--role", "all", "--controllers=podconfigmap"];
    const manager = await ManagerProcess.start({ ...this.env, WATCH_NAMESPACES: this.namespace.name, ...env }, args);
    this.#agents.push(manager);
    return manager;
  }

  /** Makes a Pod on this node. */
  async createPod(
    name: string,
    { labels = {}, annotations = {}, gate = false, runs = true, spec = {} }: AgentPodWish = {},
  ): Promise<StagedPod> {
    const pod = await this.namespace.create("pods", {
      metadata: { name, labels: { ...labels }, annotations: { ...annotations } },
      spec: {
        nodeName: this.nodeName,
        containers: [{ name: "main", image: "example.com/never-pulled" }],
        ...(gate && { readinessGates: [{ conditionType: EBPF_READY }] }),
        ...spec,
      },
    });
    return runs ? await this.run(pod) : { pod, cgroup: "", pid: 0 };
  }

  /** Starts the Pod's container: a process in a cgroup as a kubelet makes them, and the status that tells of it. */
  async run(pod: Held<Pod>): Promise<StagedPod> {
    const cgroup = this.node.makeCgroup(`kubepods/besteffort/pod${pod.metadata.uid}`);
    const { pid = 0 } = await this.node.sleeper(
      this.node.makeCgroup(`kubepods/besteffort/pod${pod.metadata.uid}/${CONTAINER}`),
    );
    const containerStatuses = [
      { name: "main", containerID: `containerd://${CONTAINER}`, image: "", imageID: "", ready: true, restartCount: 0 },
    ];
    await this.namespace.patchStatus("pods", pod.metadata.name, { phase: "Running", containerStatuses });
    return { pod, cgroup, pid };
  }

  /** Makes system calls in a Pod, exactly so many. */
  call({ cgroup }: StagedPod, calls: Readonly<Record<string, number>>): Promise<void> {
    return this.#caller.call(`${cgroup}/${CONTAINER}`, calls);
  }

  /** The condition that a Pod has. */
  async condition(pod: string): Promise<PodCondition | undefined> {
    const { status } = await this.namespace.get("pods", pod);
    return status?.conditions?.find(({ type }) => type === EBPF_READY);
  }

  /** Waits until a Pod's condition has this reason. */
  reason(pod: string, reason: string): Promise<PodCondition> {
    return eventually(`the condition of ${pod} is ${reason}`, async () => {
      const condition = await this.condition(pod);
      if (condition?.reason === reason) return condition;
      throw new Error(`it is ${JSON.stringify(condition)}`);
    });
  }

  /** UIDs of the Pods that have something pinned. */
  async pinned(): Promise<readonly string[]> {
    return await readdir(`${this.node.pinDir}/pods`).catch(() => []);
  }

  /** Mounts the node's bpffs anew: `ro`, `rw`. */
  remount(options: string): void {
    execFileSync("mount", ["-o", `remount,${options}`, this.node.mount]);
  }

  /** Mounts a bpffs where there was none. */
  mountElsewhere(): void {
    execFileSync("mount", ["-t", "bpf", "bpf", this.elsewhere]);
    this.#mounted = true;
  }

  /** A kubeconfig like the cluster's, for another address. */
  async kubeconfigOf(server: string): Promise<string> {
    const path = `${this.elsewhere}/kubeconfig`;
    const text = await readFile(this.#world.cluster.kubeconfig, "utf8");
    writeFileSync(path, text.replaceAll(this.#world.cluster.server, server));
    return path;
  }

  /** A Pod of this node that is said to run an agent, which answers at an address. */
  async agentPod({ labels, account = AGENT.name, address, port }: AgentAddress): Promise<void> {
    const ports = [{ name: METRICS_PORT, containerPort: port }];
    const accounts = `/api/v1/namespaces/${this.namespace.name}/serviceaccounts`;
    // A second one finds it there.
    await this.#world.cluster.request("POST", accounts, { metadata: { name: account } }).catch(() => {});
    const containers = [{ name: "agent", image: "example.com/never-pulled", ports }];
    const spec = { nodeName: this.nodeName, serviceAccountName: account, containers };
    await this.namespace.create("pods", { metadata: { name: "agent", labels: { ...labels } }, spec });
    await this.namespace.patchStatus("pods", "agent", { phase: "Running", podIP: address, podIPs: [{ ip: address }] });
  }

  /** Takes a Lease, as a leader that lives does. */
  async holdLease(name: string): Promise<void> {
    const now = new Date().toISOString().replace("Z", "000Z");
    await this.#world.cluster.request("POST", `/apis/coordination.k8s.io/v1/namespaces/${this.namespace.name}/leases`, {
      metadata: { name },
      spec: { holderIdentity: "another", leaseDurationSeconds: 3_600, acquireTime: now, renewTime: now },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents) await agent[Symbol.asyncDispose]();
    if (this.#mounted) execFileSync("umount", [this.elsewhere]);
    rmSync(this.elsewhere, { recursive: true });
    this.#caller[Symbol.dispose]();
    await this.node[Symbol.asyncDispose]();
  }
}

/** The samples of a metric of eBPF that are about a Pod. */
export const podSamples = async (agent: ManagerProcess, metric: string, pod: string): Promise<readonly Sample[]> =>
  samplesOf(await agent.scrape()).filter(
    ({ name, labels }) => name === `podconfigmap_controller_ebpf_${metric}` && labels.pod_name === pod,
  );
