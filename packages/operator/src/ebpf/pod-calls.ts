import { BpfMap } from "@pcmc/libbpf";
import type { CallMask } from "./call-mask.ts";
import type { CgroupHandle } from "./cgroup-handle.ts";
import { CGROUPS_FULL } from "./cgroup-slots.ts";
import { readCalls } from "./counters.ts";
import { EbpfError } from "./ebpf-error.ts";
import { MAP_SHAPES } from "./layout.ts";
import type { MetaMap } from "./meta.ts";
import type { NodeCounter } from "./node-counter.ts";
import { openPinnedMap } from "./pinned-object.ts";
import type { Architecture } from "./syscalls-table.ts";

const COUNTS = "call_counts";

/**
 * The system calls of one Pod: its own counters, pinned in its folder while it lives, and its slot in the node's counter while
 * they are counted. So a count stands still while nobody asks for it, and never begins again.
 */
export class PodCalls implements Disposable {
  readonly #pin: string;
  readonly #meta: MetaMap;
  readonly #node: NodeCounter;
  #counts: BpfMap | undefined;
  /** The Pod's while this process lives. What `meta` says of it is only a claim: the slot can be another's by now. */
  #slot: number | undefined;
  /** What this process has put in the kernel. */
  #applied: { readonly cgroup: bigint; readonly calls: CallMask } | undefined;

  constructor(folder: string, meta: MetaMap, node: NodeCounter) {
    this.#pin = `${folder}/${COUNTS}`;
    this.#meta = meta;
    this.#node = node;
    this.#counts = openPinnedMap(this.#pin);
  }

  /** Keeps the slot that an earlier process gave the Pod, unless another has it meanwhile. */
  claimSlot(): void {
    const { slot } = this.#meta.value;
    if (slot === undefined || this.#slot !== undefined) return;
    if (this.#node.claim(slot)) this.#slot = slot;
    else this.#meta.write({ slot: undefined });
  }

  get isCounting(): boolean {
    return this.#slot !== undefined && this.#node.isCounting(this.#slot);
  }

  /** Whether calls in some nested cgroup are not counted, until the next `count`. */
  get isIncomplete(): boolean {
    return this.#lost > 0;
  }

  /**
   * Counts these calls from now on. Where some nested cgroups had found no room, they are looked for again.
   *
   * @throws EbpfError where some have no room now, or had none until now: what they did meanwhile is not in the counts.
   */
  count(cgroup: CgroupHandle, calls: CallMask): void {
    const lost = this.#lost;
    if (lost === 0 && this.#applied?.cgroup === cgroup.id && this.#applied.calls.equals(calls)) return;
    this.#put(cgroup, calls);
    if (lost > 0) throw new EbpfError({ reason: "CgroupsFull", message: `${CGROUPS_FULL} (${lost} times.)` });
  }

  get #lost(): number {
    return this.#slot !== undefined && this.isCounting ? this.#node.lost(this.#slot) : 0;
  }

  #put(cgroup: CgroupHandle, calls: CallMask): void {
    this.#counts ??= makeCounts(this.#pin);
    const counts = this.#counts;
    // While this is unfinished, the next time is no repetition.
    this.#applied = undefined;
    const stood = this.isCounting;
    const slot = this.#takeSlot();
    try {
      this.#node.monitor({ slot, cgroup: cgroup.path, calls, counts });
    } catch (error) {
      if (!stood) this.#giveBack(slot);
      throw error;
    }
    this.#applied = { cgroup: cgroup.id, calls };
  }

  /** Counts nothing any more; what was counted stays. What fails is tried again by the next `stop`, of whichever Pod. */
  stop(): void {
    this.#applied = undefined;
    this.claimSlot();
    if (this.#slot !== undefined) this.#release(this.#slot);
    this.#node.removeLeft();
  }

  /** `undefined` while nothing is counted. */
  read(architecture: Architecture): ReadonlyMap<string, bigint> | undefined {
    return this.isCounting && this.#counts !== undefined ? readCalls(this.#counts, architecture) : undefined;
  }

  [Symbol.dispose](): void {
    this.#counts?.[Symbol.dispose]();
  }

  #takeSlot(): number {
    this.claimSlot();
    if (this.#slot !== undefined) return this.#slot;
    const taken = this.#node.take();
    this.#slot = taken;
    // Written down before it is used: who comes after us knows whose it is.
    this.#meta.write({ slot: taken });
    return taken;
  }

  /** After a failure that is told already. A slot that cannot be cleared stays taken, and nobody else gets it. */
  #giveBack(slot: number): void {
    try {
      this.#release(slot);
      this.#node.removeLeft();
    } catch {}
  }

  #release(slot: number): void {
    this.#node.forget(slot);
    // From here on it can be another's, whatever fails after this.
    this.#slot = undefined;
    this.#meta.write({ slot: undefined });
  }
}

const makeCounts = (pin: string): BpfMap => {
  using stack = new DisposableStack();
  const counts = stack.use(BpfMap.create({ ...MAP_SHAPES.callCounts, name: "pcmc_calls" }));
  counts.pin(pin);
  stack.move();
  return counts;
};
