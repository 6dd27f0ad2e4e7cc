import type { BpfMap, BpfObject } from "@pcmc/libbpf";
import { callMask } from "./call-mask.ts";
import type { CgroupHandle } from "./cgroup-handle.ts";
import { firstProcess } from "./cgroup-processes.ts";
import { EbpfError } from "./ebpf-error.ts";
import { failureOf, mayPass } from "./failure-of.ts";
import { FIREWALL_LINKS } from "./firewall.ts";
import { MetaMap } from "./meta.ts";
import type { NodeCounter } from "./node-counter.ts";
import type { NodePod, ProgramType } from "./node-pod.ts";
import type { PodReading, ProgramFailure } from "./outcome.ts";
import { makeFolder, removeFolder } from "./pin-dir.ts";
import { PodCalls } from "./pod-calls.ts";
import { PodFirewall } from "./pod-firewall.ts";
import type { PodPolicy } from "./policy.ts";
import type { ProgramObject } from "./programs.ts";
import type { Architecture } from "./syscalls-table.ts";

/** What Pods need of their node. */
export interface NodeParts {
  readonly counter: NodeCounter;
  /** The compiled firewall. */
  readonly firewall: ProgramObject;
  /** The same, loaded already. */
  readonly spareFirewall: () => BpfObject;
  /** The node's addresses. */
  readonly addresses: BpfMap;
  readonly architecture: Architecture;
}

const HOST_NETWORK =
  "The Pod uses the node's network: its firewall would judge traffic that is not its own. Take hostNetwork from the Pod, or " +
  "exclude it by the podSelector.";

/** A Pod that has something pinned: its folder, and handles to what is in it. */
export class HeldPod implements Disposable {
  readonly uid: string;
  readonly #folder: string;
  readonly #parts: NodeParts;
  readonly #meta: MetaMap;
  readonly #calls: PodCalls;
  readonly #firewall: PodFirewall;
  #pod: NodePod | undefined;
  #isRemoved = false;

  /** Opens the Pod's folder, with what an earlier process left in it, or makes it. */
  static open(folder: string, parts: NodeParts): HeldPod {
    makeFolder(folder);
    using stack = new DisposableStack();
    const meta = stack.use(MetaMap.open(`${folder}/meta`));
    const calls = stack.use(new PodCalls(folder, meta, parts.counter));
    const firewall = stack.use(new PodFirewall(folder, meta));
    stack.move();
    return new HeldPod(folder, { parts, meta, calls, firewall });
  }

  private constructor(folder: string, { parts, meta, calls, firewall }: Members) {
    this.uid = folder.slice(folder.lastIndexOf("/") + 1);
    this.#folder = folder;
    this.#parts = parts;
    this.#meta = meta;
    this.#calls = calls;
    this.#firewall = firewall;
  }

  /** Keeps what an earlier process gave the Pod. */
  adopt(): void {
    this.#calls.claimSlot();
  }

  /** Of the policy that is in the kernel as a whole; `undefined` while work on it is unfinished. */
  get revision(): string | undefined {
    return this.#meta.value.revision || undefined;
  }

  get programs(): readonly ProgramType[] {
    return [
      ...(this.#calls.isCounting ? (["syscall_counter"] as const) : []),
      ...(this.#firewall.isAttached ? (["l4_firewall"] as const) : []),
    ];
  }

  /** Brings the kernel to the policy. What fails is returned, and does not keep the rest from being done. */
  apply(pod: NodePod, policy: PodPolicy, cgroup: CgroupHandle): readonly ProgramFailure[] {
    this.#pod = pod;
    if (this.revision !== policy.revision) this.#meta.write({ revision: "" });
    const failures = [
      ...attempt("l4_firewall", () => this.#applyFirewall(policy, cgroup)),
      ...attempt("syscall_counter", () => this.#applyCalls(policy, cgroup)),
    ];
    if (failures.length === 0 && this.revision === undefined) this.#meta.write({ revision: policy.revision });
    this.#notePid(cgroup);
    return failures;
  }

  /** Takes everything out of the kernel but the counters: while the Pod lives they must not begin again. */
  stop(): void {
    // First: whoever finds a revision takes the policy to be in the kernel.
    this.#meta.write({ revision: "" });
    try {
      this.#firewall.stop();
    } finally {
      this.#calls.stop();
    }
  }

  /**
   * Takes everything out of the kernel, and removes the folder. What fails can be tried again, but for what stays failing: a node
   * counter of another layout keeps the Pod's slot, and the folder goes all the same, since rules must not outlive the Pod.
   */
  remove(): void {
    try {
      this.stop();
    } catch (error) {
      if (mayPass(failureOf(error))) throw error;
      this.#removeFolder();
      throw error;
    }
    this.#removeFolder();
  }

  /** Whether `remove` has come to its end: this is no Pod any more. */
  get isRemoved(): boolean {
    return this.#isRemoved;
  }

  /** `undefined` until the Pod is known by name. */
  read(): PodReading | undefined {
    if (this.#pod === undefined) return undefined;
    const { uid, namespace, name } = this.#pod;
    return {
      uid,
      namespace,
      name,
      pid: this.#meta.value.pid,
      programs: this.programs,
      syscalls: this.#calls.read(this.#parts.architecture),
      firewall: this.#firewall.read(),
    };
  }

  /** Whether calls of the Pod are not counted that should be, until the next `apply`. */
  get isIncomplete(): boolean {
    return this.#calls.isIncomplete;
  }

  /** For their run statistics. */
  get firewallPrograms() {
    return this.#firewall.programs;
  }

  /** Lets go of the handles. What is attached stays. */
  [Symbol.dispose](): void {
    for (const part of [this.#firewall, this.#calls, this.#meta]) part[Symbol.dispose]();
  }

  #removeFolder(): void {
    removePodFolder(this.#folder);
    this.#isRemoved = true;
    this[Symbol.dispose]();
  }

  #applyFirewall({ firewall, revision }: PodPolicy, cgroup: CgroupHandle): void {
    if (firewall === undefined) {
      this.#firewall.stop();
      return;
    }
    if (this.#pod?.hostNetwork) throw new EbpfError({ reason: "HostNetwork", message: HOST_NETWORK });
    this.#firewall.guard({
      cgroup,
      object: this.#parts.firewall,
      addresses: this.#parts.addresses,
      spare: this.#parts.spareFirewall,
      firewall,
      revision,
    });
  }

  #applyCalls({ syscalls }: PodPolicy, cgroup: CgroupHandle): void {
    if (syscalls === undefined) this.#calls.stop();
    else this.#calls.count(cgroup, callMask(syscalls, this.#parts.architecture));
  }

  /** The first process that is seen stays the Pod's, whatever restarts. */
  #notePid(cgroup: CgroupHandle): void {
    if (this.#meta.value.pid !== undefined || this.#pod === undefined) return;
    const pid = firstProcess(cgroup.path, this.#pod.containerIds);
    if (pid !== undefined) this.#meta.write({ pid });
  }
}

interface Members {
  readonly parts: NodeParts;
  readonly meta: MetaMap;
  readonly calls: PodCalls;
  readonly firewall: PodFirewall;
}

const attempt = (program: ProgramType, work: () => void): readonly ProgramFailure[] => {
  try {
    work();
    return [];
  } catch (error) {
    return [{ program, ...failureOf(error) }];
  }
};

/** Unpins all that a Pod has, whole or half-made, links first. Whether there was something. */
export const removePodFolder = (folder: string): boolean => removeFolder(folder, FIREWALL_LINKS);
