import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KeeperClient } from "../keeper-client.ts";
import type { NodeComponent } from "../options.ts";
import type { Pki } from "../pki.ts";
import { type PollLimits, poll } from "../poll.ts";
import type { ProcessSpec } from "../protocol.ts";
import { readRecord } from "../state.ts";
import type { AddressPlan } from "./address-plan.ts";
import { cgroupOf, createCgroups, handOnControllers, hierarchies, joinCgroups } from "./cgroups.ts";
import {
  CONTAINERD_SOCKET,
  type ConfigurationSetting,
  cniConfiguration,
  containerdConfiguration,
  kubeletConfiguration,
  NODE_NAME,
  proxyConfiguration,
} from "./configuration.ts";
import { NodeImages } from "./images.ts";
import { ownerName } from "./leftovers.ts";
import { createLink } from "./link.ts";
import { findCniFolder, findProgram } from "./packages.ts";
import { run } from "./run.ts";

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
}

/** A node with containers, in namespaces of its own. */
export class RealNode {
  readonly addresses: AddressPlan;
  /** Its cgroup, below the mount point of each hierarchy. Pods stand in `kubepods` below it. */
  readonly cgroup: string;
  readonly images: NodeImages;
  readonly #parts: RealNodeParts;
  /** Pid of a process in all its namespaces but that of pids, which holds only its children. */
  readonly #inside: number;

  private constructor(parts: RealNodeParts, made: { addresses: AddressPlan; cgroup: string; inside: number }) {
    this.#parts = parts;
    this.addresses = made.addresses;
    this.cgroup = made.cgroup;
    this.#inside = made.inside;
    this.images = new NodeImages(join(parts.state, "images"), made.inside);
  }

  /** Makes the namespaces, the cgroups and the link to this machine. Nothing runs in them yet. */
  static async create(parts: RealNodeParts): Promise<RealNode> {
    const { state, keeper, limits } = parts;
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
    const log = join(state, `${NAMESPACES}.log`);
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
    const addresses = await createLink({ pid: identity.pid, owner, inside });
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
        `--node-ip=${this.addresses.node}`,
        "--cert-dir=/var/lib/kubelet/pki",
      ],
      "kube-proxy": [`--config=${file("kube-proxy.yaml")}`, `--hostname-override=${NODE_NAME}`],
    }[component];
    return {
      name: component,
      command: "/bin/sh",
      args: [...this.#enter(), command, ...args],
      log: join(state, `${component}.log`),
      entered: true,
    };
  }

  /** Whether a program that was started does its work. */
  async isReady(component: NodeComponent): Promise<boolean> {
    if (component !== "containerd") return true;
    const ctr = findProgram("ctr") ?? "ctr";
    return run("nsenter", [`--mount=/proc/${this.#inside}/ns/mnt`, ctr, "-a", CONTAINERD_SOCKET, "version"]).then(
      () => true,
      () => false,
    );
  }

  /**
   * A shell joins the node's cgroup and becomes nsenter, which stays as the parent: only a child can be in another pid
   * namespace. The child dies with it.
   */
  #enter(): string[] {
    const leaves = hierarchies().map(({ mountPoint }) => `${mountPoint}/${this.cgroup}/node/cgroup.procs`);
    const script = `for leaf in ${leaves.join(" ")}; do echo $$ >$leaf || exit; done; exec nsenter "$@"`;
    const files = { mount: "mnt", net: "net", ipc: "ipc", uts: "uts", cgroup: "cgroup", pid: "pid_for_children" };
    const namespaces = Object.entries(files).map(([type, file]) => `--${type}=/proc/${this.#inside}/ns/${file}`);
    return ["-c", script, "sh", ...namespaces, "--", "setpriv", "--pdeathsig", "KILL", "--"];
  }
}
