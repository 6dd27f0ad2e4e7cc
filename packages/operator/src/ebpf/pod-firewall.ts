import type { BpfMap, BpfObject, BpfProgram } from "@pcmc/libbpf";
import type { CgroupHandle } from "./cgroup-handle.ts";
import { FirewallCounters } from "./counters.ts";
import { detachFirewall, Firewall, isAttached } from "./firewall.ts";
import type { PolicyValue } from "./layout.ts";
import type { MetaMap } from "./meta.ts";
import type { FirewallReading } from "./outcome.ts";
import type { FirewallPolicy } from "./policy.ts";
import type { ProgramObject } from "./programs.ts";

/** What a Pod's firewall is to be. */
export interface Guard {
  readonly cgroup: CgroupHandle;
  readonly object: ProgramObject;
  /** The node's, which all Pods share. */
  readonly addresses: BpfMap;
  /** The object, loaded already. */
  readonly spare: () => BpfObject;
  readonly firewall: FirewallPolicy;
  /** Of the policy: the same = nothing to do. */
  readonly revision: string;
}

/** The firewall of one Pod while it has one, and its counters while it lives. */
export class PodFirewall implements Disposable {
  readonly #folder: string;
  readonly #meta: MetaMap;
  #firewall: Firewall | undefined;
  #counters: FirewallCounters | undefined;
  /** The revision that this process has put in the kernel. */
  #applied: string | undefined;

  constructor(folder: string, meta: MetaMap) {
    this.#folder = folder;
    this.#meta = meta;
    if (isAttached(folder)) this.#firewall = Firewall.open(folder);
    this.#counters = FirewallCounters.open(folder);
  }

  get isAttached(): boolean {
    return this.#firewall !== undefined;
  }

  /** Judges by this policy from now on. */
  guard(wanted: Guard): void {
    const standing = this.#firewall;
    if (standing === undefined) this.#attach(wanted);
    else if (!this.#isCurrent(standing, wanted)) this.#swap(standing, wanted);
    else if (!this.#isInForce(wanted)) standing.update(this.#next(wanted));
    this.#applied = wanted.revision;
  }

  /** Judges nothing any more; what was counted stays. Whether something was judged. */
  stop(): boolean {
    this.#applied = undefined;
    // In this order: a link that ends with its handle is detached by then, one that ends with its pin some time later.
    const stood = detachFirewall(this.#folder);
    this.#close();
    return stood;
  }

  /** `undefined` while nothing is judged. */
  read(): FirewallReading | undefined {
    return this.isAttached ? this.#counters?.read() : undefined;
  }

  get programs(): readonly BpfProgram[] {
    return this.#firewall?.programs ?? [];
  }

  [Symbol.dispose](): void {
    this.#close();
    this.#counters?.[Symbol.dispose]();
  }

  #attach(wanted: Guard): void {
    try {
      this.#load(wanted);
    } catch (error) {
      // One direction without the other would be a firewall that nobody asked for.
      this.stop();
      throw error;
    }
  }

  #swap(standing: Firewall, wanted: Guard): void {
    try {
      this.#load(wanted);
    } catch (error) {
      this.#fallBack(wanted);
      throw error;
    } finally {
      if (this.#firewall !== standing) standing[Symbol.dispose]();
    }
  }

  /** Where the new programs cannot be attached, the old ones judge by the new policy, if they still are on the Pod's cgroup. */
  #fallBack(wanted: Guard): void {
    if (this.#firewall?.isOn(wanted.cgroup)) this.#firewall.update(this.#next(wanted));
    else this.stop();
  }

  #load(wanted: Guard): void {
    const { cgroup, object, addresses, spare } = wanted;
    this.#meta.write({ cgroupId: cgroup.id });
    this.#firewall = Firewall.attach(this.#folder, { cgroup, object, addresses, policy: this.#next(wanted), spare });
    this.#meta.write({ firewallVersion: object.version });
    this.#counters ??= FirewallCounters.open(this.#folder);
  }

  #isCurrent(standing: Firewall, { object, cgroup }: Guard): boolean {
    return this.#meta.value.firewallVersion === object.version && standing.isOn(cgroup);
  }

  /**
   * Whether the policy in the kernel is this one. What is put there anew is another generation, of which audit mode counts each
   * standing connection again: so a process that takes over goes by what an earlier one has written down.
   */
  #isInForce({ revision }: Guard): boolean {
    return this.#applied === revision || (this.#applied === undefined && this.#meta.value.revision === revision);
  }

  #close(): void {
    this.#firewall?.[Symbol.dispose]();
    this.#firewall = undefined;
  }

  #next({ firewall }: Guard): PolicyValue {
    const generation = this.#meta.value.generation + 1n;
    this.#meta.write({ generation });
    return { firewall, generation };
  }
}
