import { BpfLink, BpfMap, type BpfObject, BpfProgram, type ObjectOptions, openObject } from "@pcmc/libbpf";
import { isPinned } from "./pin-dir.ts";
import type { ProgramObject } from "./programs.ts";

/** Pin of a program beside that of its link: the run statistics are read from it. */
export const programPin = (folder: string, program: string): string => `${folder}/${program}_program`;

/** Opens what is pinned under a path; `undefined` where nothing is. */
export const openPinnedMap = (path: string): BpfMap | undefined =>
  isPinned(path) ? BpfMap.openPinned(path) : undefined;
export const openPinnedLink = (path: string): BpfLink | undefined =>
  isPinned(path) ? BpfLink.openPinned(path) : undefined;
export const openPinnedProgram = (path: string): BpfProgram | undefined =>
  isPinned(path) ? BpfProgram.openPinned(path) : undefined;

export interface LoadOptions {
  /** Maps that others have made, by name: used in the place of the object's own, and not pinned here. */
  readonly shared?: Readonly<Record<string, BpfMap>>;
  /** Gives the same object, loaded already; for where nothing is pinned. */
  readonly spare?: () => BpfObject;
  /** Values of its constants, by name. */
  readonly constants?: Readonly<Record<string, number>>;
}

/** The programs of an object, loaded over maps that are pinned. Whoever gets it disposes of it. */
export interface LoadedPrograms extends Disposable {
  program(name: string): BpfProgram;
}

/**
 * Loads an object over the maps that `pins` names (map name to path): one that is pinned already is used with what is in
 * it, one that is not is made and pinned. Nothing is attached, so a process that is killed here leaves only maps.
 */
export const loadOverPins = (
  object: ProgramObject,
  pins: ReadonlyMap<string, string>,
  { shared = {}, spare, constants }: LoadOptions = {},
): LoadedPrograms => {
  using reused = new DisposableStack();
  const mapFds: Record<string, BpfMap> = {};
  for (const [name, path] of pins) {
    const map = openPinnedMap(path);
    if (map !== undefined) mapFds[name] = reused.use(map);
  }
  using stack = new DisposableStack();
  const isFresh = Object.keys(mapFds).length === 0;
  const loaded = stack.use(
    isFresh && spare !== undefined
      ? spare()
      : loadWith(object, { mapFds: { ...shared, ...mapFds }, rodata: constants }),
  );
  for (const [name, path] of pins) if (!(name in mapFds)) loaded.map(name).pin(path);
  const kept = stack.move();
  return { program: (name) => loaded.program(name), [Symbol.dispose]: () => kept.dispose() };
};

const loadWith = (object: ProgramObject, options: Pick<ObjectOptions, "mapFds" | "rodata">): BpfObject => {
  using stack = new DisposableStack();
  const loaded = stack.use(openObject(object.bytes, { name: "pcmc", ...options }));
  loaded.load();
  stack.move();
  return loaded;
};

/** Pins a program in the place of one that may be there. */
export const pinProgram = (folder: string, name: string, program: BpfProgram): void =>
  program.pin(programPin(folder, name), { replace: true });
