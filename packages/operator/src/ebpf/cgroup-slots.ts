import { BpfError, type BpfMap } from "@pcmc/libbpf";
import { cgroupId, cgroupsIn } from "./cgroup-handle.ts";
import { EbpfError } from "./ebpf-error.ts";
import { encodeCgroupId, encodeIndex, MAX_CGROUPS } from "./layout.ts";

/** What is wrong where a Pod's cgroups find no room, and what to do. */
export const CGROUPS_FULL =
  `The Pods of this node whose system calls are counted have more than ${MAX_CGROUPS} cgroups, nested ones included: calls in those ` +
  "that found no room are not counted. Select fewer Pods, or find the one whose containers make so many.";

/**
 * The node's map from cgroup to slot. While the programs are attached the kernel side adds what is made below a cgroup in it,
 * and removes what goes; so it is enough to enter what stands already.
 */
export class CgroupSlots implements Disposable {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /**
   * Enters a Pod's cgroup and then all below it: what is made below in between is inherited.
   *
   * @throws EbpfError where there is no room for all of them.
   */
  enter(path: string, slot: number): void {
    const value = encodeIndex(slot);
    for (const cgroup of cgroupsIn(path)) {
      this.#update(cgroup.id, value);
      // One that was removed before it was entered is not told of any more.
      if (cgroupId(cgroup.path) !== cgroup.id) this.#map.delete(encodeCgroupId(cgroup.id));
    }
  }

  /**
   * Removes all cgroups of slots for which `belongs` says no. Looked at again until there are none: while one is removed, the
   * kernel side may give its slot to a new child of another that is next.
   */
  retain(belongs: (slot: number) => boolean): void {
    for (;;) {
      const strays = [...this.#map.entries()].filter(([, value]) => !belongs(value.readUInt32LE()));
      if (strays.length === 0) return;
      for (const [key] of strays) this.#map.delete(key);
    }
  }

  #update(id: bigint, slot: Buffer): void {
    try {
      this.#map.update(encodeCgroupId(id), slot);
    } catch (error) {
      if (!(error instanceof BpfError && error.code === "E2BIG")) throw error;
      throw new EbpfError({ reason: "CgroupsFull", message: CGROUPS_FULL }, { cause: error });
    }
  }

  [Symbol.dispose](): void {
    this.#map[Symbol.dispose]();
  }
}
