import type { BpfLink, BpfMap, BpfProgram } from "@pcmc/libbpf";
import type { CallMask } from "./call-mask.ts";
import { decodeTurn, encodeIndex, LAYOUT_VERSION, SYSCALL_MAPS, SYSCALL_PROGRAMS } from "./layout.ts";
import { checkLayout } from "./layout-check.ts";
import { isPinned, makeFolder, removeFolder, unpin } from "./pin-dir.ts";
import {
  loadOverPins,
  openPinnedLink,
  openPinnedMap,
  openPinnedProgram,
  pinProgram,
  programPin,
} from "./pinned-object.ts";
import type { ProgramObject } from "./programs.ts";

const ENTRY = encodeIndex(0);
const WANTED = "wanted";

/** In this order: a cgroup that is made while the others are attached is inherited already. */
const PROGRAMS = [
  "inherit_cgroup",
  "forget_cgroup",
  "count_syscall",
] as const satisfies readonly (keyof typeof SYSCALL_PROGRAMS)[];

/** The maps that all versions share, with their pins in the node's folder: the one that tells their layout first. */
const SHARED_PINS = [
  [SYSCALL_MAPS.turn, "turn"],
  [SYSCALL_MAPS.cgroups, "cgroups"],
  [SYSCALL_MAPS.slotCalls, "slot_calls"],
  [SYSCALL_MAPS.slotCounts, "slot_counts"],
  [SYSCALL_MAPS.slotLost, "slot_lost"],
] as const;
export type SharedPin = (typeof SHARED_PINS)[number][1];

/** The folder of a version in the node's folder. */
export const versionFolder = (node: string, version: number): string => `${node}/v${version.toString(16)}`;
export const isVersionFolder = (name: string): boolean => /^v[0-9a-f]+$/.test(name);

/**
 * One version of the node's programs, attached and pinned in a folder of its own with the map that says what any Pod wants.
 * It counts nothing before it has the turn, which is how it waits beside another version.
 */
export class SyscallPrograms implements Disposable {
  readonly #wanted: BpfMap;
  readonly #counter: BpfProgram | undefined;

  private constructor(wanted: BpfMap, counter: BpfProgram | undefined) {
    this.#wanted = wanted;
    this.#counter = counter;
  }

  /**
   * Opens what is pinned of this version, and loads and attaches what is not.
   *
   * @throws EbpfError where the maps that are pinned have another layout.
   */
  static ensure(node: string, object: ProgramObject): SyscallPrograms {
    checkLayout(node, pinnedLayout(node));
    const folder = versionFolder(node, object.version);
    makeFolder(folder);
    if (!PROGRAMS.every((name) => isPinned(`${folder}/${name}`))) attach(node, folder, object);
    return SyscallPrograms.open(folder);
  }

  /** Opens a version by its folder, as far as it is there. */
  static open(folder: string): SyscallPrograms {
    const wanted = openPinnedMap(`${folder}/${WANTED}`);
    if (wanted === undefined) throw new Error(`${folder} has no map of what is wanted`);
    return new SyscallPrograms(wanted, openPinnedProgram(programPin(folder, "count_syscall")));
  }

  /** Says what is counted for any Pod; all else costs next to nothing. */
  want(calls: CallMask): void {
    this.#wanted.update(ENTRY, calls);
  }

  /** The program that runs at each call, for its run statistics. */
  get counter(): BpfProgram | undefined {
    return this.#counter;
  }

  /** Lets go of the handles. What is attached stays. */
  [Symbol.dispose](): void {
    this.#wanted[Symbol.dispose]();
    this.#counter?.[Symbol.dispose]();
  }
}

/** Removes what the versions share; after them. Whether there was something. */
export const removeShared = (node: string): boolean =>
  SHARED_PINS.map(([, pin]) => unpin(`${node}/${pin}`)).includes(true);

/** Detaches and removes a version, whole or half-made: what counts first, then what keeps the cgroups. */
export const removeVersion = (folder: string): void => void removeFolder(folder, [...PROGRAMS].reverse());

/** The layout of the maps in a node's folder: ours where none are pinned. */
export const pinnedLayout = (node: string): number => {
  using turn = openPinnedMap(`${node}/turn`);
  const value = turn?.lookup(ENTRY);
  return value === undefined ? LAYOUT_VERSION : decodeTurn(value).layoutVersion;
};

const attach = (node: string, folder: string, object: ProgramObject): void => {
  const pins = new Map<string, string>(SHARED_PINS.map(([name, pin]) => [name, `${node}/${pin}`]));
  pins.set(SYSCALL_MAPS.wanted, `${folder}/${WANTED}`);
  using programs = loadOverPins(object, pins, { constants: { own_version: object.version } });
  for (const name of PROGRAMS) {
    const pin = `${folder}/${name}`;
    using before: BpfLink | undefined = openPinnedLink(pin);
    if (before !== undefined) continue;
    const program = programs.program(name);
    pinProgram(folder, name, program);
    using link = program.attachRawTracepoint(SYSCALL_PROGRAMS[name]);
    link.pin(pin);
  }
};
