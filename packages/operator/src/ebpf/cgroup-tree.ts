import { existsSync } from "node:fs";
import type { Clock, Timer } from "@pcmc/controller-runtime";
import { cgroupId } from "./cgroup-handle.ts";
import { comparable, expectedPath, isClassName, podIdOf, podIds } from "./cgroup-names.ts";
import { findTops, foldersIn } from "./cgroup-tops.ts";
import { type Watching, watchFolder } from "./cgroup-watch.ts";
import type { NodePod } from "./node-pod.ts";

export interface CgroupTreeOptions {
  /** Cgroup v2 folders below which the folder of all Pods is looked for, such as `cgroupRoots` gives. */
  readonly roots: readonly string[];
  readonly clock: Clock;
  /** Told once for each code when the kernel refuses to watch (ENOSPC, EMFILE: inotify limits); the tree is polled then. */
  readonly onWatchRefused?: (code: string) => void;
}

/** Milliseconds between looks while the kernel tells nothing: no folder of Pods yet, or no watches left. */
const POLL = 1000;

type Handler = (podId: string) => void;

/** A watch, and the id of the folder that it is on: under the same path there can be another one by now, of which it tells nothing. */
interface Watch {
  readonly watching: Watching;
  readonly id: bigint;
}

/** A Pod's cgroup. One that is made anew under the same path has another id, and nothing that was attached to the first. */
interface Standing {
  readonly path: string;
  readonly id: bigint;
}

/**
 * The cgroups of a node's Pods, kept by inotify: at most a dozen watches, on the folders that Pods stand in, none per Pod.
 *
 * What it knows is a cache of the file system and any event may be lost: `find` looks there itself before it says no.
 */
export class CgroupTree implements Disposable {
  readonly #options: CgroupTreeOptions;
  /** Folders in which Pods stand, with the Pods of each by their comparable ids. */
  readonly #folders = new Map<string, ReadonlyMap<string, Standing>>();
  readonly #watches = new Map<string, Watch>();
  readonly #handlers = new Set<Handler>();
  readonly #refused = new Set<string>();
  #tops: readonly string[] = [];
  /** When tops were last looked for. */
  #soughtAt = Number.NEGATIVE_INFINITY;
  /** Whether some Pod was not found since then: there may be other tops. */
  #isMissing = false;
  #pending: NodeJS.Immediate | undefined;
  #poll: Timer | undefined;
  #closed = false;

  constructor(options: CgroupTreeOptions) {
    this.#options = options;
    this.#scan();
  }

  /** The path of the Pod's cgroup; `undefined` where it has none. */
  find(pod: Pick<NodePod, "uid" | "configHash" | "qosClass">): string | undefined {
    const known = this.#lookUp(pod);
    if (known !== undefined) return known;
    this.#scan();
    const found = this.#lookUp(pod);
    if (found !== undefined) return found;
    return this.#lookElsewhere() ? this.#lookUp(pod) : undefined;
  }

  /**
   * Kubelet may have begun a new folder of Pods beside the old one, as with another cgroup driver. Looking for it reads much of
   * the tree, so where that was done of late it is put off. Whether it was done.
   */
  #lookElsewhere(): boolean {
    this.#isMissing = true;
    const isDue = this.#isDue();
    if (isDue) this.#scan();
    else this.#pollIfBlind();
    return isDue;
  }

  #isDue(): boolean {
    return this.#isMissing && this.#options.clock.now() - this.#soughtAt >= POLL;
  }

  /** Calls `handler` with the id of each Pod that has a cgroup, and of each that gets one, gets another, or loses it. */
  onPod(handler: Handler): Disposable {
    // A handler that is given twice is called twice: each subscription ends by itself.
    const own: Handler = (podId) => handler(podId);
    this.#handlers.add(own);
    for (const pods of this.#folders.values()) for (const podId of pods.keys()) own(podId);
    return { [Symbol.dispose]: () => void this.#handlers.delete(own) };
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    clearImmediate(this.#pending);
    this.#poll?.cancel();
    for (const path of [...this.#watches.keys()]) this.#unwatch(path);
    this.#handlers.clear();
  }

  #lookUp(pod: Pick<NodePod, "uid" | "configHash" | "qosClass">): string | undefined {
    const candidates = [
      ...this.#tops.map((top) => expectedPath(top, pod)),
      ...[...this.#folders.values()].flatMap((pods) =>
        podIds(pod).flatMap((id) => pods.get(comparable(id))?.path ?? []),
      ),
    ];
    return candidates.find((path) => existsSync(path));
  }

  #scan(): void {
    if (this.#closed) return;
    if (this.#isDue() || this.#tops.length === 0 || !this.#tops.every((top) => existsSync(top))) this.#findTops();
    const standing = new Set<string>();
    for (const top of this.#tops) {
      standing.add(top);
      this.#read(top);
      for (const name of foldersIn(top)) {
        if (!isClassName(name)) continue;
        standing.add(`${top}/${name}`);
        this.#read(`${top}/${name}`);
      }
    }
    for (const folder of [...this.#folders.keys()]) if (!standing.has(folder)) this.#forget(folder);
    this.#pollIfBlind();
  }

  /** Tops move when kubelet is started with another root or driver. */
  #findTops(): void {
    this.#soughtAt = this.#options.clock.now();
    this.#isMissing = false;
    this.#tops = this.#options.roots.flatMap((root) => findTops(root));
    for (const root of this.#options.roots) {
      if (this.#tops.length === 0) this.#watch(root);
      else if (!this.#folders.has(root)) this.#unwatch(root);
    }
  }

  #read(folder: string): void {
    // Watched before it is read: what is made in between is told.
    this.#watch(folder);
    const now = new Map<string, Standing>();
    for (const name of foldersIn(folder)) {
      const podId = podIdOf(name);
      if (podId === undefined) continue;
      const path = `${folder}/${name}`;
      const id = cgroupId(path);
      if (id !== undefined) now.set(podId, { path, id });
    }
    this.#replace(folder, now);
  }

  /** Tells of each Pod that has come, has gone, or has another cgroup than before. */
  #replace(folder: string, now: ReadonlyMap<string, Standing>): void {
    const before = this.#folders.get(folder) ?? new Map<string, Standing>();
    this.#folders.set(folder, now);
    for (const podId of new Set([...before.keys(), ...now.keys()])) {
      if (before.get(podId)?.id !== now.get(podId)?.id) for (const handler of this.#handlers) handler(podId);
    }
  }

  #watch(folder: string): void {
    const id = cgroupId(folder);
    const before = this.#watches.get(folder);
    if (before?.watching.kind === "watching" && before.id === id) return;
    this.#unwatch(folder);
    // Gone already: the scan that told of it, or the next, forgets it.
    if (id === undefined) return;
    const watching = watchFolder(folder, () => this.#onChange());
    if (watching.kind === "refused" && watching.code === "ENOENT") return;
    this.#watches.set(folder, { watching, id });
    if (watching.kind === "watching" || this.#refused.has(watching.code)) return;
    this.#refused.add(watching.code);
    this.#options.onWatchRefused?.(watching.code);
  }

  #unwatch(folder: string): void {
    const watching = this.#watches.get(folder)?.watching;
    if (watching?.kind === "watching") watching.close();
    this.#watches.delete(folder);
  }

  #forget(folder: string): void {
    this.#unwatch(folder);
    this.#replace(folder, new Map());
    this.#folders.delete(folder);
  }

  /** inotify tells a burst of changes in one read: one scan for all of them. */
  #onChange(): void {
    if (this.#closed || this.#pending !== undefined) return;
    this.#pending = setImmediate(() => {
      this.#pending = undefined;
      this.#scan();
    });
  }

  #pollIfBlind(): void {
    const isRefused = [...this.#watches.values()].some(({ watching }) => watching.kind === "refused");
    const blind = this.#isMissing || this.#tops.length === 0 || isRefused;
    if (!blind || this.#poll !== undefined) return;
    this.#poll = this.#options.clock.after(POLL, () => {
      this.#poll = undefined;
      this.#scan();
    });
  }
}
