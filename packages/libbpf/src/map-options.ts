import type { BpfMap } from "./map.ts";
import type { MapType } from "./types.ts";

export interface MapOptions {
  readonly type: MapType;
  /** Up to 15 letters, digits, `_` and `.`; seen in `bpftool map`. */
  readonly name: string;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes, in a per-CPU map of one CPU's value. 4 in a map of maps. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `mapFlags`, or-ed. Default 0. */
  readonly flags?: number | undefined;
  /** Of a map of maps: a map like those that it will hold. It is not put into it. */
  readonly inner?: BpfMap | undefined;
}

export interface UpdateOptions {
  /** `create`: the key must not be there (`EEXIST`). `replace`: it must (`ENOENT`). Default `any`. */
  readonly mode?: "any" | "create" | "replace" | undefined;
  /** Under the `bpf_spin_lock` in the value (`BPF_F_LOCK`). Default false. */
  readonly lock?: boolean | undefined;
}

/** Of a read, or of a batch that writes. */
export interface LookupOptions {
  /** Under the `bpf_spin_lock` in the value (`BPF_F_LOCK`). Default false. */
  readonly lock?: boolean | undefined;
}

export interface OpenPinnedMapOptions {
  /** Default `write`, which is both. */
  readonly access?: "read" | "write" | undefined;
  /** What the map must be like, else `EINVAL`: guards against the pin of another version. */
  readonly expect?: Partial<Pick<BpfMap, "type" | "keySize" | "valueSize" | "maxEntries">> | undefined;
}

/** `BPF_F_LOCK`. */
export const LOCK = 4;
const modes = { any: 0, create: 1, replace: 2 } as const;

/** The kernel's number for the options of an update. */
export const flagsOf = ({ mode = "any", lock = false }: UpdateOptions): number => modes[mode] | (lock ? LOCK : 0);
