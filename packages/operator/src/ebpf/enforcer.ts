import type { Clock, Logger } from "@pcmc/controller-runtime";
import { architectureOf } from "./architecture.ts";
import { cgroupId, openCgroup } from "./cgroup-handle.ts";
import { cgroupRoots } from "./cgroup-root.ts";
import { CgroupTree } from "./cgroup-tree.ts";
import { PROGRAM_TYPES, programsOf } from "./condition.ts";
import type { EbpfFailure } from "./failure.ts";
import { failureOf, mayPass } from "./failure-of.ts";
import { HeldPod, type NodeParts, removePodFolder } from "./held-pod.ts";
import { NODE_ADDRESSES } from "./layout.ts";
import { NodeAddressMap } from "./node-address-map.ts";
import { NodeAddresses, nodeAddresses } from "./node-addresses.ts";
import { NodeCounter } from "./node-counter.ts";
import type { NodePod, ProgramType } from "./node-pod.ts";
import type { AdoptedPod, ApplyOutcome, PodReading, ProgramFailure, RunStats } from "./outcome.ts";
import { isFolderName, namesIn, openPinDir, type PinDir } from "./pin-dir.ts";
import { type PinLock, takePinDir } from "./pin-lock.ts";
import type { PodPolicy } from "./policy.ts";
import { checkNode, readPrograms } from "./preflight.ts";
import { type ProgramName, type ProgramObject, readProgram } from "./programs.ts";
import { RunStatistics } from "./run-stats.ts";
import { SharedFirewalls } from "./shared-firewalls.ts";
import { SpareObject } from "./spare-object.ts";
import { checkNodeName, noteOrigin, readOrigin } from "./sweep-origin.ts";
import type { Architecture } from "./syscalls-table.ts";
import { EbpfUnavailable } from "./unavailable.ts";

export interface EnforcerOptions {
  /** Where links and maps are pinned, on a bpffs; it is made if the bpffs is there. */
  readonly pinDir: string;
  /** The cgroup v2 mount, or a folder in it that holds `kubepods`. `undefined`: found. */
  readonly cgroupRoot: string | undefined;
  /**
   * The node's name in the API. With it, pins of a node with another name are refused: they would be swept for gone. Default:
   * not looked at.
   */
  readonly nodeName?: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether the kernel measures the run time of programs; it costs some nanoseconds a run on the whole node. Default false. */
  readonly runStats?: boolean;
  /** Reads a compiled program; default: the one that comes with this version. */
  readonly readProgram?: (name: ProgramName, architecture: Architecture) => ProgramObject;
  /** Reads the node's addresses; default: those of this network namespace. */
  readonly readAddresses?: typeof nodeAddresses;
}

/** Of which Pods it is known whether they live. */
export interface SweepScope {
  /** The namespaces whose Pods were listed; `undefined` or none = all. */
  readonly namespaces?: readonly string[] | undefined;
}

/**
 * The kernel side of the agent: policies of Pods become programs, links and maps. Nothing it does is undone by ending it: what
 * is pinned goes on judging and counting.
 *
 * All work of a call is done before it returns to the event loop: calls to the kernel take microseconds, the longest (loading
 * a program) some milliseconds. So no two calls meet half-way.
 */
export class Enforcer implements AsyncDisposable {
  readonly #log: Logger;
  readonly #dir: PinDir;
  readonly #lock: PinLock;
  readonly #tree: CgroupTree;
  readonly #parts: NodeParts;
  readonly #stats: RunStatistics;
  readonly #resources: DisposableStack;
  readonly #held = new Map<string, HeldPod>();
  readonly #firewalls = new SharedFirewalls();
  readonly #nodeName: string | undefined;
  /** Pods whose origin is noted. */
  readonly #noted = new Set<string>();

  /**
   * Checks that this node can do eBPF, and takes the pin directory.
   *
   * @throws EbpfUnavailable where it cannot.
   */
  static async open(options: EnforcerOptions): Promise<Enforcer> {
    try {
      return new Enforcer(options);
    } catch (error) {
      throw error instanceof EbpfUnavailable ? error : new EbpfUnavailable(failureOf(error), { cause: error });
    }
  }

  private constructor(options: EnforcerOptions) {
    const { pinDir, cgroupRoot, nodeName, clock, log, runStats = false } = options;
    const architecture = architectureOf();
    checkNode();
    const objects = readPrograms(architecture, options.readProgram ?? readProgram);
    const roots = cgroupRoots(cgroupRoot);
    this.#log = log;
    this.#nodeName = nodeName;
    this.#dir = openPinDir(pinDir);
    using resources = new DisposableStack();
    this.#lock = resources.use(takePinDir(pinDir));
    if (nodeName !== undefined) checkNodeName(this.#dir.pods, nodeName);
    this.#tree = resources.use(
      new CgroupTree({ roots, clock, onWatchRefused: (code) => log.warning(POLLED, { code }) }),
    );
    const counter = resources.use(new NodeCounter(this.#dir.node, () => objects.syscalls));
    const { map: addresses } = resources.use(this.#followAddresses(options));
    const spare = resources.use(new SpareObject(objects.firewall, { shared: { [NODE_ADDRESSES]: addresses }, clock }));
    this.#parts = {
      counter,
      firewall: objects.firewall,
      spareFirewall: () => spare.take(),
      addresses,
      architecture,
    };
    this.#stats = resources.use(runStats ? RunStatistics.on() : RunStatistics.off());
    this.#resources = resources.move();
  }

  /** Takes over what an earlier process left: completes or removes what it left half-made, swaps older programs. Once, first. */
  adopt(): readonly AdoptedPod[] {
    for (const uid of namesIn(this.#dir.pods)) this.#adoptPod(uid);
    try {
      this.#parts.counter.adopt();
    } catch (error) {
      // What an earlier version attached goes on counting; the first Pod that is applied tells of the failure.
      this.#log.error("the system call counter could not be taken over", { error });
    }
    return [...this.#held.values()].map(({ uid, revision, programs }) => ({ uid, revision, programs }));
  }

  /** Puts the policy in the kernel, or takes out what it no longer holds. Never rejects for what the kernel says. */
  async apply(pod: NodePod, policy: PodPolicy): Promise<ApplyOutcome> {
    try {
      return this.#apply(pod, this.#firewalls.share(policy));
    } catch (error) {
      this.#log.warning("a Pod's policy could not be put in the kernel", {
        error,
        namespace: pod.namespace,
        pod: pod.name,
      });
      return this.#failed(pod.uid, policy, failureOf(error));
    }
  }

  /** Removes every trace of a Pod, at once. Nothing there is no error. Where it throws, all that is left is there for the next time. */
  release(uid: string): void {
    const held = this.#held.get(uid);
    if (held === undefined) {
      if (isFolderName(uid)) removePodFolder(`${this.#dir.pods}/${uid}`);
      return;
    }
    try {
      held.remove();
    } finally {
      if (held.isRemoved) this.#forget(uid);
    }
  }

  /**
   * Releases every Pod of the namespaces that is not in `liveUids`. Returns those released: what fails is logged, and there again
   * next time. Where the namespaces are not all, a Pod of which it is not known where it is from stays.
   */
  sweep(liveUids: ReadonlySet<string>, { namespaces = [] }: SweepScope = {}): readonly string[] {
    const gone = [...new Set([...this.#held.keys(), ...namesIn(this.#dir.pods)])].filter((uid) => !liveUids.has(uid));
    return gone.filter((uid) => this.#isOf(uid, namespaces) && this.#tryRelease(uid));
  }

  /** What was counted, of each Pod that is held, or of those of them that `uids` names. */
  readings(uids?: ReadonlySet<string>): readonly PodReading[] {
    const wanted = [...this.#held.values()].filter(({ uid }) => uids?.has(uid) ?? true);
    return wanted.flatMap((held) => held.read() ?? []);
  }

  /** Whether the pin directory is still there, and this enforcer's: if not, nothing of its work would outlast it. */
  get isStanding(): boolean {
    return this.#lock.isHeld;
  }

  /** UIDs of Pods of which not all is counted that should be; `apply` tells why, and does what can be done. */
  incomplete(): readonly string[] {
    return [...this.#held.values()].filter(({ isIncomplete }) => isIncomplete).map(({ uid }) => uid);
  }

  runStats(): RunStats {
    const { program } = this.#parts.counter;
    const firewalls = [...this.#held.values()].flatMap((held) => held.firewallPrograms);
    return this.#stats.read(
      new Map<ProgramType, typeof firewalls>([
        ["syscall_counter", program === undefined ? [] : [program]],
        ["l4_firewall", firewalls],
      ]),
    );
  }

  /**
   * Calls `handler` when the cgroup of a Pod appears, within milliseconds, and for each Pod cgroup that exists already. `podId`
   * is the Pod's UID, of a static Pod its config hash.
   */
  onCgroup(handler: (podId: string) => void): Disposable {
    return this.#tree.onPod(handler);
  }

  /** Lets go of the pin directory and of all handles. What is attached stays attached. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const held of this.#held.values()) held[Symbol.dispose]();
    this.#held.clear();
    this.#resources.dispose();
  }

  #apply(pod: NodePod, policy: PodPolicy): ApplyOutcome {
    const held = this.#held.get(pod.uid);
    if (policy.firewall === undefined && policy.syscalls === undefined) {
      if (held !== undefined) held.stop();
      // Something can be there that could not be taken over.
      else this.release(pod.uid);
      return { kind: "applied", programs: [], revision: policy.revision };
    }
    const path = this.#tree.find(pod);
    using cgroup = path === undefined ? undefined : openCgroup(path);
    if (cgroup === undefined) return { kind: "waiting", failure: NO_CGROUP };
    const holding = held ?? this.#hold(pod.uid);
    this.#noteOrigin(pod);
    const failures = holding.apply(pod, policy, cgroup);
    // All that was attached went with the cgroup; and if something failed, that was why.
    if (cgroupId(cgroup.path) !== cgroup.id) return { kind: "waiting", failure: CGROUP_GONE };
    return failures.length > 0
      ? failed(holding.programs, failures)
      : { kind: "applied", programs: holding.programs, revision: policy.revision };
  }

  /** What stands is told with what failed: of a policy that asks for nothing, that it could not be taken out. */
  #failed(uid: string, policy: PodPolicy, failure: EbpfFailure): ApplyOutcome {
    const standing = this.#held.get(uid)?.programs ?? [];
    const asked = programsOf(policy);
    const concerned = PROGRAM_TYPES.filter((program) => asked.includes(program) || standing.includes(program));
    // Something that could not be taken over can be of either kind.
    const programs = concerned.length > 0 ? concerned : PROGRAM_TYPES;
    const outcome = failed(
      standing,
      programs.map((program) => ({ program, ...failure })),
    );
    return asked.length === 0 ? { ...outcome, retry: true } : outcome;
  }

  /** Once for each Pod and process: a link that stands is not made again. */
  #noteOrigin({ uid, namespace }: NodePod): void {
    if (this.#nodeName === undefined || this.#noted.has(uid)) return;
    noteOrigin(`${this.#dir.pods}/${uid}`, { node: this.#nodeName, namespace });
    this.#noted.add(uid);
  }

  #forget(uid: string): void {
    this.#held.delete(uid);
    this.#noted.delete(uid);
  }

  #isOf(uid: string, namespaces: readonly string[]): boolean {
    if (namespaces.length === 0) return true;
    const origin = readOrigin(`${this.#dir.pods}/${uid}`);
    return origin !== undefined && namespaces.includes(origin.namespace);
  }

  #tryRelease(uid: string): boolean {
    try {
      this.release(uid);
      return true;
    } catch (error) {
      this.#log.error("what is pinned of a Pod could not be removed", { error, uid });
      return false;
    }
  }

  #adoptPod(uid: string): void {
    try {
      this.#hold(uid);
    } catch (error) {
      // It goes on judging as it stands; the Pod's first `apply` tells of the failure.
      this.#log.error("what an earlier agent left of a Pod could not be taken over", { error, uid });
    }
  }

  #hold(uid: string): HeldPod {
    if (!isFolderName(uid)) throw new RangeError(`${JSON.stringify(uid)} is no UID of a Pod`);
    const held = HeldPod.open(`${this.#dir.pods}/${uid}`, this.#parts);
    try {
      // One that could not be taken over at first has a slot that may be another's by now.
      held.adopt();
    } catch (error) {
      held[Symbol.dispose]();
      throw error;
    }
    this.#held.set(uid, held);
    return held;
  }

  /** The map of the node's addresses, kept as they change until it is disposed of. */
  #followAddresses({ clock, log, readAddresses = nodeAddresses }: EnforcerOptions) {
    using stack = new DisposableStack();
    const addresses = stack.use(new NodeAddressMap(this.#dir.node));
    const onChange = (current: readonly string[]) => addresses.set(current);
    const onFailure = (error: unknown) => log.error(OLD_ADDRESSES, { error });
    const onDropped = (dropped: number) => log.warning(TOO_MANY_ADDRESSES, { dropped });
    stack.use(new NodeAddresses({ clock, read: readAddresses, onChange, onFailure, onDropped }));
    const kept = stack.move();
    return { map: addresses.map, [Symbol.dispose]: () => kept.dispose() };
  }
}

const POLLED = "cgroups cannot be watched and are polled; raise fs.inotify.max_user_watches and max_user_instances";
const OLD_ADDRESSES =
  "the node's addresses could not be read or changed; probes from new ones are judged until they can";
const TOO_MANY_ADDRESSES = "the node has more addresses than there is room for; probes from those left out are judged";

const NO_CGROUP: EbpfFailure = {
  reason: "CgroupNotFound",
  message: "The Pod has no cgroup on this node: it has not started yet, or has ended.",
};

const CGROUP_GONE: EbpfFailure = {
  reason: "CgroupGone",
  message: "The Pod's cgroup was removed while its programs were attached: the Pod has ended.",
};

type Failed = Extract<ApplyOutcome, { readonly kind: "failed" }>;

const failed = (programs: readonly ProgramType[], failures: readonly ProgramFailure[]): Failed => ({
  kind: "failed",
  programs,
  failures,
  retry: failures.some(mayPass),
});
