import type { BpfProgram } from "@pcmc/libbpf";
import { EbpfError } from "./ebpf-error.ts";
import { SLOTS } from "./layout.ts";
import { checkLayout } from "./layout-check.ts";
import type { ProgramObject } from "./programs.ts";
import { Slots } from "./slots.ts";
import { pinnedLayout } from "./syscall-programs.ts";
import { forgetPinnedSlot, type Monitored, pinnedSlots, removeSyscallCounter, SyscallCounter } from "./syscalls.ts";

/** The node's system call counter while any Pod wants it: attached for the first Pod, removed after the last. */
export class NodeCounter implements Disposable {
  readonly #node: string;
  readonly #object: () => ProgramObject;
  readonly #slots = new Slots();
  #counter: SyscallCounter | undefined;
  /** Whether it is attached, or partly, and no Pod has a slot any more. */
  #isLeft = false;

  /** @param object reads the compiled programs; asked for when they are to be attached. */
  constructor(node: string, object: () => ProgramObject) {
    this.#node = node;
    this.#object = object;
  }

  /** Keeps a slot for the Pod that had it before; `false` where it is no slot, or another's. */
  claim(slot: number): boolean {
    return this.#slots.claim(slot);
  }

  /**
   * Goes on with what an earlier process left, after its slots were claimed; removes it where there are none.
   *
   * @throws EbpfError where that has another layout: it goes on as it is. Its Pods cannot be read, so that none has claimed a
   * slot does not say that there are none.
   */
  adopt(): void {
    checkLayout(this.#node, pinnedLayout(this.#node));
    if (this.#slots.size > 0) this.#open();
    else removeSyscallCounter(this.#node);
  }

  /** @throws EbpfError where all slots are taken. */
  take(): number {
    const slot = this.#slots.take();
    if (slot !== undefined) return slot;
    throw new EbpfError({
      reason: "TooManyPods",
      message: `The system calls of ${SLOTS} Pods are counted on this node, which is as many as can be. Select fewer Pods.`,
    });
  }

  /** Counts the calls of a Pod, whose slot was taken or claimed. */
  monitor(pod: Monitored): void {
    this.#open().monitor(pod);
  }

  /** Whether the calls of a slot are counted, by this process or still by what an earlier one attached. */
  isCounting(slot: number): boolean {
    return this.#counter?.isCounting(slot) ?? pinnedSlots(this.#node).has(slot);
  }

  /** How many nested cgroups of a slot found no room since it was monitored. */
  lost(slot: number): number {
    return this.#counter?.lost(slot) ?? 0;
  }

  /** Counts them no more, and gives the slot back: only then, or the next Pod would be given this one's calls. */
  forget(slot: number): void {
    if (this.#counter === undefined) forgetPinnedSlot(this.#node, slot);
    else this.#counter.forget(slot);
    this.#slots.free(slot);
    this.#isLeft = this.#slots.size === 0;
  }

  /** Removes the counter once the last slot was given back, or tries it again where that failed. */
  removeLeft(): void {
    if (!this.#isLeft || this.#slots.size > 0) return;
    this.#counter?.[Symbol.dispose]();
    this.#counter = undefined;
    removeSyscallCounter(this.#node);
    this.#isLeft = false;
  }

  /** For its run statistics. */
  get program(): BpfProgram | undefined {
    return this.#counter?.program;
  }

  [Symbol.dispose](): void {
    this.#counter?.[Symbol.dispose]();
    this.#counter = undefined;
  }

  #open(): SyscallCounter {
    this.#counter ??= SyscallCounter.open(this.#node, this.#object(), this.#slots.taken);
    return this.#counter;
  }
}
