import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type RealCluster, startCluster } from "@pcmc/devcluster";
import { type AgentOptions, deployAgent } from "./agent.ts";
import { buildProbe, compileProbe, PROBE } from "./images.ts";
import { apply, kubectl, waitFor } from "./kubectl.ts";
import { namespace } from "./objects.ts";
import { Probe, probeFolder, probeSocket } from "./probe.ts";
import { until } from "./until.ts";

/** Where the Pods of these tests are. */
export const NAMESPACE = "shop";

const CONFIGS = `/apis/podconfig.example.com/v1alpha1/namespaces/${NAMESPACE}/podconfigmapconfigs`;

/** The Pod condition that the agent writes. */
export const EBPF_READY = "podconfig.example.com/EbpfReady";

/** A Pod as the API server has it, as far as these tests look. */
export interface EbpfPod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly podIP: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly qosClass: "Guaranteed" | "Burstable" | "BestEffort";
    readonly conditions?: readonly PodCondition[];
    readonly containerStatuses?: readonly { readonly restartCount: number; readonly ready: boolean }[];
  };
}

export interface PodCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** `spec.ebpfConfig`, and which Pods it is for. */
export interface Policy {
  readonly labels: Readonly<Record<string, string>>;
  readonly ebpfConfig: object;
}

/** How a Pod of the probe is to be. */
export interface ProbePod {
  readonly labels?: Readonly<Record<string, string>>;
  /** Ports that echo TCP and UDP in both families, such as `80,1000-1999`. */
  readonly ports?: string;
  /** More of its spec, and of its container. */
  readonly spec?: object;
  readonly container?: object;
}

/** How a world begins. */
export interface WorldOptions extends AgentOptions {
  /** Brings the agent there. Default: as its manifest has it. */
  readonly deploy?: (cluster: RealCluster) => Promise<void>;
  /** Whether requests are logged. */
  readonly audit?: boolean;
}

/** A real node with the agent and Pods that do what they are told. */
export class EbpfWorld implements AsyncDisposable {
  readonly cluster: RealCluster;
  readonly #ending = new AbortController();

  private constructor(cluster: RealCluster) {
    this.cluster = cluster;
  }

  /** Starts the cluster and deploys the agent, or what `deploy` does in its place. */
  static async start({ deploy, audit = false, ...options }: WorldOptions = {}): Promise<EbpfWorld> {
    const cluster = await startCluster({ node: "real", audit });
    try {
      const folder = probeFolder(cluster.stateDir);
      mkdirSync(folder);
      // Containers that run as anybody make their sockets there.
      chmodSync(folder, 0o777);
      await Promise.all([buildProbe(cluster), deploy?.(cluster) ?? deployAgent(cluster, options)]);
      await apply(cluster, namespace(NAMESPACE));
      return new EbpfWorld(cluster);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Makes a Pod of the probe and waits until it runs. */
  async run(name: string, how: ProbePod = {}): Promise<EbpfPod> {
    await this.create(name, how);
    await waitFor(this.cluster, `pod/${name}`, "jsonpath={.status.phase}=Running", NAMESPACE);
    return this.pod(name);
  }

  /** Makes a Pod of the probe. */
  async create(name: string, { labels = {}, ports, spec = {}, container = {} }: ProbePod = {}): Promise<void> {
    const main = {
      name: "main",
      image: PROBE,
      imagePullPolicy: "Never",
      args: ["control", `/p/${name}`, ...(ports === undefined ? [] : [ports])],
      volumeMounts: [{ name: "p", mountPath: "/p" }],
      ...container,
    };
    const volumes = [{ name: "p", hostPath: { path: probeFolder(this.cluster.stateDir) } }];
    const body = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, labels: { app: name, ...labels } },
      spec: { terminationGracePeriodSeconds: 0, containers: [main], volumes, ...spec },
    };
    await this.cluster.request("POST", `/api/v1/namespaces/${NAMESPACE}/pods`, body);
  }

  pod(name: string): Promise<EbpfPod> {
    return this.cluster.request<EbpfPod>("GET", `/api/v1/namespaces/${NAMESPACE}/pods/${name}`);
  }

  /** Deletes a Pod and waits until it is gone. */
  async remove(name: string): Promise<void> {
    await kubectl(this.cluster, ["-n", NAMESPACE, "delete", "pod", name, "--now"]);
  }

  /** A process in the Pod that does what it is told. */
  probe(name: string): Promise<Probe> {
    return Probe.open(probeSocket(this.cluster.stateDir, name));
  }

  /** The same in the node itself, as kubelet is; in no Pod. */
  async nodeProbe(): Promise<Probe> {
    const path = probeSocket(this.cluster.stateDir, "of-the-node");
    const binary = join(this.cluster.stateDir, "probe");
    compileProbe(binary);
    this.cluster.node
      .run(binary, ["control", path], { signal: this.#ending.signal, timeout: 2 ** 31 - 1 })
      .catch(() => {});
    return Probe.open(path);
  }

  /** Creates or changes a PodConfigMapConfig, and gives back its generation when the API server has it. */
  async configure(name: string, { labels, ebpfConfig }: Policy): Promise<number> {
    const spec = { podSelector: { matchLabels: labels }, ebpfConfig };
    const body = { apiVersion: "podconfig.example.com/v1alpha1", kind: "PodConfigMapConfig", metadata: { name }, spec };
    const exists = await this.cluster.request("GET", `${CONFIGS}/${name}`).then(
      () => true,
      () => false,
    );
    const patch = [{ op: "replace", path: "/spec", value: spec }];
    const { metadata } = exists
      ? await this.cluster.request<Stored>("PATCH", `${CONFIGS}/${name}`, patch, {
          contentType: "application/json-patch+json",
        })
      : await this.cluster.request<Stored>("POST", CONFIGS, body);
    return metadata.generation;
  }

  /** The same, and waits until it is in the kernel for a Pod. */
  async enforce(pod: string, config: string, policy: Policy): Promise<void> {
    const generation = await this.configure(config, policy);
    await this.inKernel(pod, `${config}@${generation}`);
  }

  /** Deletes PodConfigMapConfigs: all, or the one named. */
  async unconfigure(name?: string): Promise<void> {
    await this.cluster.request("DELETE", name === undefined ? CONFIGS : `${CONFIGS}/${name}`);
  }

  /** Waits until the agent says that a Pod has the policy `config@generation`. */
  inKernel(pod: string, policy: string): Promise<PodCondition> {
    return until(`${pod} has ${policy}`, async () => {
      const condition = await this.condition(pod);
      const words = condition?.message?.split(/[\s,.]+/) ?? [];
      if (condition?.status === "True" && words.includes(policy)) return condition;
      throw new Error(`its condition is ${JSON.stringify(condition)}`);
    });
  }

  /** The agent's condition of a Pod; undefined where there is none. */
  async condition(pod: string): Promise<PodCondition | undefined> {
    return (await this.pod(pod)).status.conditions?.find(({ type }) => type === EBPF_READY);
  }

  /** The Pod's cgroup of version 2, as a folder of this machine. */
  cgroup({ metadata, status }: EbpfPod): string {
    const { cgroupFolder } = this.cluster.node;
    if (cgroupFolder === undefined) throw new Error("this machine has no cgroup of version 2");
    const qos = status.qosClass === "Guaranteed" ? [] : [status.qosClass.toLowerCase()];
    return join(cgroupFolder, "kubepods", ...qos, `pod${metadata.uid}`);
  }

  /** Pids, as this machine counts them, of the processes in a Pod that run a program with this name. */
  processes(pod: EbpfPod, name: string): number[] {
    const folder = this.cgroup(pod);
    const groups = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
    return [folder, ...groups].flatMap(pidsIn).filter((pid) => nameOf(pid) === name);
  }

  /** What is pinned on the node, as paths below its bpffs. */
  pins(): string[] {
    const paths = readdirSync(this.cluster.node.path("/sys/fs/bpf"), { recursive: true, encoding: "utf8" });
    // The kernel's own.
    return paths.filter((path) => !/^(maps|progs)\.debug$/.test(path)).sort();
  }

  /** Those of them that hold a program in its place. */
  links(): string[] {
    return this.pins().filter((path) =>
      /\/(firewall_[a-z]+gress|count_syscall|inherit_cgroup|forget_cgroup)$/.test(path),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.cluster.stop();
  }
}

interface Stored {
  readonly metadata: { readonly generation: number };
}

const pidsIn = (folder: string): number[] =>
  readFileSync(join(folder, "cgroup.procs"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && line !== "0")
    .map(Number);

/** By its file: Node calls its main thread something else. */
const nameOf = (pid: number): string | undefined => {
  try {
    return readlinkSync(`/proc/${pid}/exe`).split("/").at(-1);
  } catch {
    return undefined;
  }
};

/** The addresses of a Pod, one of each family. @throws where it has no IPv6. */
export const addressesOf = ({ metadata, status }: EbpfPod): { readonly v4: string; readonly v6: string } => {
  const addresses = status.podIPs?.map(({ ip }) => ip) ?? [];
  const v6 = addresses.find((address) => address.includes(":"));
  if (v6 === undefined) throw new Error(`${metadata.name} has no address of IPv6: is it off on this machine?`);
  return { v4: status.podIP, v6 };
};
