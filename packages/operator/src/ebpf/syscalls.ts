import type { BpfMap, BpfProgram } from "@pcmc/libbpf";
import { type CallMask, NO_CALLS, unionOf } from "./call-mask.ts";
import { CgroupSlots } from "./cgroup-slots.ts";
import { encodeIndex, encodeTurn, LAYOUT_VERSION } from "./layout.ts";
import { checkLayout } from "./layout-check.ts";
import { makeFolder, namesIn, removeFolder } from "./pin-dir.ts";
import { openPinnedMap } from "./pinned-object.ts";
import type { ProgramObject } from "./programs.ts";
import {
  isVersionFolder,
  pinnedLayout,
  removeShared,
  removeVersion,
  type SharedPin,
  SyscallPrograms,
  versionFolder,
} from "./syscall-programs.ts";

/** A Pod whose calls are counted. */
export interface Monitored {
  readonly slot: number;
  /** Path of the Pod's cgroup. */
  readonly cgroup: string;
  readonly calls: CallMask;
  /** The Pod's own counters: they outlast its slot. */
  readonly counts: BpfMap;
}

const NONE_LOST = Buffer.alloc(8);

/** A map of the node's folder that `SyscallPrograms` has pinned. */
const shared = (node: string, name: SharedPin): BpfMap => {
  const map = openPinnedMap(`${node}/${name}`);
  if (map === undefined) throw new Error(`${node}/${name} is not pinned`);
  return map;
};

/**
 * The system call counter of the node: one program for all Pods, attached from `open` to `remove`.
 *
 * Below its folder are the maps that say which cgroup has which slot and what is counted for a slot, and one folder for each
 * version of the programs (one, but for the moment of a swap).
 */
export class SyscallCounter implements Disposable {
  readonly #node: string;
  readonly #programs: SyscallPrograms;
  readonly #cgroups: CgroupSlots;
  readonly #slotCalls: BpfMap;
  readonly #slotCounts: BpfMap;
  readonly #slotLost: BpfMap;
  /** What is counted, by slot. */
  readonly #calls = new Map<number, CallMask>();

  /**
   * Attaches the programs, or takes over those that are pinned.
   *
   * @param slots the slots of Pods whose calls an earlier process of ours counted; they go on without a gap.
   */
  static open(node: string, object: ProgramObject, slots: ReadonlySet<number>): SyscallCounter {
    makeFolder(node);
    const programs = SyscallPrograms.ensure(node, object);
    try {
      const counter = new SyscallCounter(node, programs);
      counter.#adopt(slots);
      counter.#takeTurn(object.version);
      return counter;
    } catch (error) {
      programs[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(node: string, programs: SyscallPrograms) {
    using stack = new DisposableStack();
    this.#node = node;
    this.#programs = programs;
    this.#cgroups = stack.use(new CgroupSlots(shared(node, "cgroups")));
    this.#slotCalls = stack.use(shared(node, "slot_calls"));
    this.#slotCounts = stack.use(shared(node, "slot_counts"));
    this.#slotLost = stack.use(shared(node, "slot_lost"));
    stack.move();
  }

  /**
   * Counts the calls of a Pod from now on, or changes which. What was counted before stays in `counts`.
   *
   * @throws EbpfError where there is no room for all of its cgroups.
   */
  monitor({ slot, cgroup, calls, counts }: Monitored): void {
    this.#setCounts(slot, counts);
    this.#slotCalls.update(encodeIndex(slot), calls);
    this.#calls.set(slot, calls);
    this.#want();
    // Before the cgroups are looked for: what the kernel side finds no room for from here on is told again.
    this.#slotLost.update(encodeIndex(slot), NONE_LOST);
    // Last: from here on it counts.
    this.#cgroups.enter(cgroup, slot);
  }

  /** Counts no calls of the Pod any more; the slot can be another's. */
  forget(slot: number): void {
    this.#calls.delete(slot);
    this.#cgroups.retain((other) => other !== slot);
    this.#slotCalls.update(encodeIndex(slot), NO_CALLS);
    // The Pod's counters would stay in memory until the slot is another's.
    this.#slotCounts.delete(encodeIndex(slot));
    this.#want();
  }

  /** How many nested cgroups of a slot found no room since it was monitored: their calls are not counted. */
  lost(slot: number): number {
    return Number(this.#slotLost.lookup(encodeIndex(slot))?.readBigUInt64LE() ?? 0n);
  }

  /** Whether a slot's calls are counted. */
  isCounting(slot: number): boolean {
    return this.#calls.has(slot);
  }

  /** The program that runs at each call, for its run statistics. */
  get program(): BpfProgram | undefined {
    return this.#programs.counter;
  }

  /** Lets go of the handles. What is attached stays. */
  [Symbol.dispose](): void {
    for (const part of [this.#programs, this.#cgroups, this.#slotCalls, this.#slotCounts, this.#slotLost])
      part[Symbol.dispose]();
  }

  /** Not again what is there: putting a map into a map waits until no program can see the old one, for milliseconds. */
  #setCounts(slot: number, counts: BpfMap): void {
    if (this.#slotCounts.lookup(slot)?.readUInt32LE() !== counts.id) this.#slotCounts.setInner(slot, counts);
  }

  #adopt(slots: ReadonlySet<number>): void {
    this.#cgroups.retain((slot) => slots.has(slot));
    for (const slot of slots) {
      const calls = this.#slotCalls.lookup(encodeIndex(slot));
      // A slot that was written down is not counted before its calls are.
      if (calls !== undefined && !calls.equals(NO_CALLS)) this.#calls.set(slot, calls);
    }
  }

  /**
   * Makes this version the one that counts, and removes the others. One write hands over: an end before it leaves the other
   * version counting, an end after it this one. (Both run at each call, one after the other: a call that is between the two at
   * that instant is counted twice.)
   */
  #takeTurn(version: number): void {
    const own = versionFolder(this.#node, version);
    const others = namesIn(this.#node)
      .filter(isVersionFolder)
      .map((name) => `${this.#node}/${name}`)
      .filter((folder) => folder !== own);
    this.#want();
    using turn = shared(this.#node, "turn");
    turn.update(encodeIndex(0), encodeTurn({ version, layoutVersion: LAYOUT_VERSION }));
    for (const folder of others) removeVersion(folder);
  }

  #want(): void {
    this.#programs.want(unionOf(this.#calls.values()));
  }
}

/** The slots whose calls are counted by what is pinned; none where that has another layout, and cannot be read. */
export const pinnedSlots = (node: string): ReadonlySet<number> => {
  if (pinnedLayout(node) !== LAYOUT_VERSION) return new Set();
  using map = openPinnedMap(`${node}/cgroups`);
  return new Set([...(map?.entries() ?? [])].map(([, slot]) => slot.readUInt32LE()));
};

/**
 * Ends the counting of a slot in what is pinned, which nobody has opened: the slot can be another's.
 *
 * @throws EbpfError where that has another layout.
 */
export const forgetPinnedSlot = (node: string, slot: number): void => {
  checkLayout(node, pinnedLayout(node));
  using stack = new DisposableStack();
  const map = openPinnedMap(`${node}/cgroups`);
  if (map !== undefined) stack.use(new CgroupSlots(map)).retain((other) => other !== slot);
  const calls = stack.use(openPinnedMap(`${node}/slot_calls`));
  calls?.update(encodeIndex(slot), NO_CALLS);
  const counts = stack.use(openPinnedMap(`${node}/slot_counts`));
  counts?.delete(encodeIndex(slot));
};

/** Detaches and unpins the counter of a node. Whether there was one. */
export const removeSyscallCounter = (node: string): boolean => {
  const versions = namesIn(node).filter(isVersionFolder);
  for (const name of versions) removeVersion(`${node}/${name}`);
  return removeShared(node) || versions.length > 0;
};

/** Removes all that is pinned for the node as a whole, and its folder. Whether there was a counter. */
export const removeNodeFolder = (node: string): boolean => {
  const counted = removeSyscallCounter(node);
  removeFolder(node);
  return counted;
};
