import type { BpfMap } from "@pcmc/libbpf";
import { cgroupId, cgroupsIn } from "./cgroup-handle.ts";
import { encodeCgroupId, encodeIndex } from "./layout.ts";

/**
 * The node's map from cgroup to slot. While the programs are attached the kernel side adds what is made below a cgroup in it,
 * and removes what goes; so it is enough to enter what stands already.
 */
export class CgroupSlots implements Disposable {
  readonly #map: BpfMap;

  constructor(map: BpfMap) {
    this.#map = map;
  }

  /** Enters a Pod's cgroup and then all below it: what is made below in between is inherited. */
  enter(path: string, slot: number): void {
    const value = encodeIndex(slot);
    for (const cgroup of cgroupsIn(path)) {
      this.#map.update(encodeCgroupId(cgroup.id), value);
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

  [Symbol.dispose](): void {
    this.#map[Symbol.dispose]();
  }
}
