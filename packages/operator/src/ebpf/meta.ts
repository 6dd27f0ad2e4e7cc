import { BpfMap } from "@pcmc/libbpf";
import { decodeMeta, encodeIndex, encodeMeta, LAYOUT_VERSION, MAP_SHAPES, type PodMeta } from "./layout.ts";
import { checkLayout } from "./layout-check.ts";
import { isPinned } from "./pin-dir.ts";

const ENTRY = encodeIndex(0);

const NOTHING: PodMeta = {
  layoutVersion: LAYOUT_VERSION,
  firewallVersion: 0,
  generation: 0n,
  cgroupId: 0n,
  pid: undefined,
  slot: undefined,
  revision: "",
};

/**
 * What has to outlive the agent of a Pod: a pinned map, since a bpffs holds no files. Written before what it tells of, so that
 * a process that is killed leaves a note of what it was about to do. A write is one system call, which a kill does not cut.
 */
export class MetaMap implements Disposable {
  readonly #map: BpfMap;
  #value: PodMeta;

  private constructor(map: BpfMap, value: PodMeta) {
    this.#map = map;
    this.#value = value;
  }

  /**
   * Opens the map that is pinned there, or makes it.
   *
   * @throws EbpfError where an agent with another layout has pinned it: the Pod's other maps have that layout too.
   */
  static open(path: string): MetaMap {
    if (!isPinned(path)) return MetaMap.#create(path);
    using stack = new DisposableStack();
    const map = stack.use(BpfMap.openPinned(path));
    const stored = map.lookup(ENTRY);
    const value = stored === undefined ? NOTHING : decodeMeta(stored);
    checkLayout(path, value.layoutVersion);
    stack.move();
    return new MetaMap(map, value);
  }

  static #create(path: string): MetaMap {
    const map = BpfMap.create({ ...MAP_SHAPES.meta, name: "pcmc_meta" });
    try {
      map.update(ENTRY, encodeMeta(NOTHING));
      map.pin(path);
    } catch (error) {
      map[Symbol.dispose]();
      throw error;
    }
    return new MetaMap(map, NOTHING);
  }

  get value(): PodMeta {
    return this.#value;
  }

  write(change: Partial<PodMeta>): void {
    const value = { ...this.#value, ...change };
    this.#map.update(ENTRY, encodeMeta(value));
    this.#value = value;
  }

  [Symbol.dispose](): void {
    this.#map[Symbol.dispose]();
  }
}
