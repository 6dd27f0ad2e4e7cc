import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { logToStderr } from "../assets.ts";
import type { KeeperClient } from "../keeper-client.ts";
import { logFile } from "../logs.ts";
import type { NodeComponent } from "../options.ts";
import type { Pki } from "../pki.ts";
import { type PollLimits, poll } from "../poll.ts";
import type { ProcessSpec } from "../protocol.ts";
import { readRecord } from "../state.ts";
import { type AddressPlan, perFamily } from "./address-plan.ts";
import { cgroupOf, createCgroups, hierarchies, joinCgroups } from "./cgroups.ts";
import {
  CONTAINERD_SOCKET,
  type ConfigurationSetting,
  cniConfiguration,
  containerdConfiguration,
  kubeletConfiguration,
  NODE_NAME,
  proxyConfiguration,
} from "./configuration.ts";
import { handOnControllers } from "./controllers.ts";
import { NodeImages } from "./images.ts";
import { ownerName } from "./leftovers.ts";
import { createLink } from "./link.ts";
import { NodeNamespaces } from "./namespaces.ts";
import { findCniFolder, findProgram } from "./packages.ts";
import { type RunOptions, run } from "./run.ts";

const initScript = fileURLToPath(new URL("../../node/init.sh", import.meta.url));

/** Name of the process that holds the node's namespaces. */
const NAMESPACES = "node-namespaces";

/** What init.sh puts something else in the place of. */
const COVERED = /^\/(run|var\/lib|var\/log)\//;

/** Who the node's programs are to the API server. */
export const NODE_USERS = {
  kubelet: { name: `system:node:${NODE_NAME}`, groups: ["system:nodes"] },
  "kube-proxy": { name: "system:kube-proxy" },
} as const;

/** What a node is made of. */
export interface RealNodeParts {
  readonly state: string;
  readonly keeper: KeeperClient;
  readonly limits: PollLimits;
  /** Gets a line when the addresses are not of the usual range. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A real node as tests see it. */
export interface NodeAccess {
  readonly addresses: AddressPlan;
  /** Its cgroup, below the mount point of each hierarchy. Pods stand in `kubepods` below it. */
  readonly cgroup: string;
  /**
   * The same as a folder of this machine, in the hierarchy of version 2, whose programs of BPF see it. Inside the node,
   * and so in a Pod that mounts `/sys/fs/cgroup` by hostPath, that folder is the mount point of the hierarchy itself.
   * Undefined where none of version 2 is mounted.
   */
  readonly cgroupFolder: string | undefined;
  /**
   * Where a file of the node is for this machine: `path("/sys/fs/bpf")` is the node's own bpffs, where Pods find it by
   * hostPath. `/run`, `/var/lib`, `/var/log` and `/sys` inside are the node's own, everything else is this machine's.
   */
  path(inside: string): string;
  /**
   * Runs a program of this machine inside the node: in its mount, network, pid, ipc, uts and cgroup namespaces and in
   * its cgroup. Gives back its standard output.
   *
   * @throws with the end of what it said on standard error when its exit code is not 0, or at a time-out (default: 60 s).
   * @example
   * await cluster.node.run("bpftool", ["link", "show", "pinned", "/sys/fs/bpf/pcmc/node/syscalls"]);
   */
  run(command: string, args?: readonly string[], options?: RunOptions): Promise<string>;
}

/** A node with containers, in namespaces of its own. */
export class RealNode implements NodeAccess {
  readonly addresses: AddressPlan;
  readonly cgroup: string;
  readonly cgroupFolder: string | undefined;
  readonly images: NodeImages;
  readonly #parts: RealNodeParts;
  readonly #namespaces: NodeNamespaces;

  private constructor(parts: RealNodeParts, made: { addresses: AddressPlan; cgroup: string; inside: number }) {
    this.#parts = parts;
    this.addresses = made.addresses;
    this.cgroup = made.cgroup;
    const unified = hierarchies().find(({ type }) => type === "cgroup2");
    this.cgroupFolder = unified && join(unified.mountPoint, made.cgroup);
    this.#namespaces = new NodeNamespaces(made.inside, made.cgroup);
    this.images = new NodeImages(join(parts.state, "images"), made.inside);
  }

  /** Makes the namespaces, the cgroups and the link to this machine. Nothing runs in them yet. */
  static async create(parts: RealNodeParts): Promise<RealNode> {
    const { state, keeper, limits, log: say = logToStderr } = parts;
    if (COVERED.test(realpathSync(state))) throw new Error(`${state} is not visible inside a real node: set TMPDIR`);
    // Its answer says that it has taken over the record.
    await keeper.pids();
    const identity = readRecord(state)?.keeper;
    if (!identity) throw new Error(`${state} has no record of its keeper`);
    const owner = ownerName(identity);
    const cgroup = cgroupOf(owner);
    createCgroups(owner);
    const mounts = hierarchies().map(({ type, options, mountPoint }) => `${type}:${options}:${mountPoint}`);
    const args = [initScript, state, NODE_NAME, cgroup, ...mounts];
    const log = logFile(state, NAMESPACES);
    const { [NAMESPACES]: inside = 0 } = await keeper.start({ name: NAMESPACES, command: "/bin/sh", args, log });
    await poll(async () => (existsSync(join(state, "node-ready")) ? true : undefined), {
      ...limits,
      what: `the namespaces of the node are made (${log})`,
      check: () => {
        if (keeper.exitOf(NAMESPACES)) throw new Error(`no namespaces for a node: ${readFileSync(log, "utf8").trim()}`);
      },
    });
    joinCgroups(owner, inside);
    handOnControllers(owner);
    const addresses = await createLink({ pid: identity.pid, owner, inside, say, signal: limits.signal });
    return new RealNode(parts, { addresses, cgroup, inside });
  }

  /** Writes the configuration files of the node's programs. */
  configure(pki: Pki, proxyKubeconfig: string): void {
    const folder = join(this.#parts.state, "node-configuration");
    const cniConfigurationFolder = join(folder, "cni");
    mkdirSync(cniConfigurationFolder, { recursive: true });
    const setting: ConfigurationSetting = {
      addresses: this.addresses,
      cniFolder: findCniFolder() ?? "",
      cniConfiguration: cniConfigurationFolder,
      caFile: pki.file("ca.crt"),
      proxyKubeconfig,
    };
    writeFileSync(join(folder, "containerd.toml"), containerdConfiguration(setting));
    writeFileSync(join(cniConfigurationFolder, "10-pods.conflist"), cniConfiguration(setting));
    writeFileSync(join(folder, "kubelet.yaml"), kubeletConfiguration(setting));
    writeFileSync(join(folder, "kube-proxy.yaml"), proxyConfiguration(setting));
  }

  /** How the keeper starts one of the node's programs inside. */
  processOf(component: NodeComponent, { command, kubeconfig }: { command: string; kubeconfig: string }): ProcessSpec {
    const { state } = this.#parts;
    const file = (name: string) => join(state, "node-configuration", name);
    const args = {
      containerd: ["--config", file("containerd.toml")],
      kubelet: [
        `--config=${file("kubelet.yaml")}`,
        `--kubeconfig=${kubeconfig}`,
        `--hostname-override=${NODE_NAME}`,
        `--node-ip=${perFamily(this.addresses, ({ node }) => node)}`,
        "--cert-dir=/var/lib/kubelet/pki",
      ],
      "kube-proxy": [`--config=${file("kube-proxy.yaml")}`, `--hostname-override=${NODE_NAME}`],
    }[component];
    return {
      name: component,
      command: "/bin/sh",
      args: [...this.#namespaces.enter(), command, ...args],
      log: logFile(state, component),
      entered: true,
    };
  }

  path(inside: string): string {
    return this.#namespaces.path(inside);
  }

  run(command: string, args?: readonly string[], options?: RunOptions): Promise<string> {
    return this.#namespaces.run(command, args, options);
  }

  /** Whether a program that was started does its work. */
  async isReady(component: NodeComponent): Promise<boolean> {
    if (component !== "containerd") return true;
    const ctr = findProgram("ctr") ?? "ctr";
    return run("nsenter", [`--mount=/proc/${this.#namespaces.pid}/ns/mnt`, ctr, "-a", CONTAINERD_SOCKET, "version"], {
      signal: this.#parts.limits.signal,
    }).then(
      () => true,
      () => false,
    );
  }
}
