import { type Clock, type KeyString, keyOf, parseKey, type Recorder, type Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../api/watcher.ts";
import { explain, type MissedPod } from "./missed.ts";

/**
 * Pods that were older than so many milliseconds when the process began, and miss a Watcher at its first look, are not told of: a
 * former process has done so.
 */
const MAX_AGE = 600_000;
/**
 * Events on Pods for one Watcher, in so many milliseconds. What is more, is one Event on the Watcher. All Watchers of a namespace
 * that do not exist count as one: anybody can make up names.
 */
const BURST = 20;
const WINDOW = 60_000;

/** How many Events there have been lately. */
interface Window {
  start: number;
  count: number;
}

/** What has been told of one Watcher's Pods. */
interface Told {
  /** UIDs of Pods. */
  pods: Set<string>;
  window: Window;
}

/** A Pod without a Watcher that it asks for, and why in words. */
interface Untold {
  readonly pod: Stored<Pod>;
  readonly reason: string;
  /** Made when it is said: most Pods have been told already. */
  readonly note: () => string;
}

/**
 * Tells each Pod once, by an Event, which Watcher it asks for and does not have. What a former process has told is in the
 * Watcher's status as far as it names Pods; of the others that are there at the start, age decides.
 */
export class PodEvents {
  readonly #events: Recorder;
  readonly #clock: Clock;
  readonly #told = new Map<KeyString, Told>();
  /** For Watchers that do not exist, by namespace. */
  readonly #windows = new Map<string, Window>();
  /** Watchers that were there, or named by a Pod, when the process began, and have not been looked at since. */
  readonly #initial = new Set<KeyString>();
  /** In milliseconds since 1970: Pods of before have been told by a former process. */
  readonly #oldest: number;

  constructor({ events, clock }: { readonly events: Recorder; readonly clock: Clock }) {
    this.#events = events;
    this.#clock = clock;
    this.#oldest = clock.date().getTime() - MAX_AGE;
  }

  /** Is told of the Watchers that the first lists hold or name: these may have been told of by a former process. */
  onInitial(watcher: KeyString): void {
    this.#initial.add(watcher);
  }

  forget(watcher: KeyString): void {
    this.#told.delete(watcher);
    this.#initial.delete(watcher);
  }

  /** Tells of the Pods that have missed a Watcher. `missed` must be all of them: who is not among them is forgotten. */
  onMissed(watcher: Stored<Watcher>, missed: readonly MissedPod[]): void {
    const { name } = watcher.metadata;
    const key = keyOf(watcher);
    const inStatus = new Set(watcher.status?.missedPods?.map((pod) => pod.name));
    const isFirst = !this.#told.has(key);
    const pods = missed.map(({ pod }) => pod);
    const told = this.#toldOf(key, pods);
    if (isFirst) {
      for (const { metadata } of pods) if (inStatus.has(metadata.name)) told.pods.add(metadata.uid);
    }
    const untold = missed.map(({ pod, reason }) => ({ pod, reason, note: () => explain(reason, watcher) }));
    const rest = this.#tell(told, untold, { name, related: watcher });
    if (rest === 0) return;
    this.#events.event({
      regarding: watcher,
      type: "Warning",
      reason: "PodsMissed",
      action: "Inject",
      note: `${missed.length} Pods ask for Watcher ${name} and do not have it; more than are told one by one: see status.missedPods`,
    });
  }

  /** Tells of the Pods that ask for a Watcher that does not exist. All of them, as above. */
  onAbsent(key: KeyString, name: string, pods: readonly Stored<Pod>[]): void {
    const note = () =>
      `there is no Watcher ${JSON.stringify(name)} in this namespace: create it, or mend the annotation; then create the Pod anew`;
    if (pods.length === 0) {
      this.forget(key);
      return;
    }
    const { namespace } = parseKey(key);
    const window = this.#windows.get(namespace) ?? { start: Number.NEGATIVE_INFINITY, count: 0 };
    this.#windows.set(namespace, window);
    const told = { ...this.#toldOf(key, pods), window };
    this.#tell(
      told,
      pods.map((pod) => ({ pod, reason: "NotFound", note })),
      { name },
    );
  }

  #toldOf(key: KeyString, pods: readonly Stored<Pod>[]): Told {
    const told = this.#told.get(key) ?? {
      pods: new Set(),
      window: { start: Number.NEGATIVE_INFINITY, count: 0 },
    };
    this.#told.set(key, told);
    if (this.#initial.delete(key)) {
      for (const { metadata } of pods) {
        if (Date.parse(metadata.creationTimestamp ?? "") <= this.#oldest) told.pods.add(metadata.uid);
      }
    }
    if (told.pods.size > pods.length) {
      told.pods = new Set(pods.map(({ metadata }) => metadata.uid).filter((uid) => told.pods.has(uid)));
    }
    return told;
  }

  /** @returns how many are told of by nobody, because there were too many. */
  #tell(
    { pods, window }: Told,
    untold: readonly Untold[],
    { name, related }: { readonly name: string; readonly related?: Stored<Watcher> },
  ): number {
    const now = this.#clock.now();
    let rest = 0;
    for (const { pod, reason, note } of untold) {
      const { uid } = pod.metadata;
      if (pods.has(uid)) continue;
      pods.add(uid);
      if (now - window.start >= WINDOW) Object.assign(window, { start: now, count: 0 });
      window.count += 1;
      if (window.count > BURST) rest += 1;
      else this.#events.event({ ...about(pod), related, reason: `Missed${reason}`, note: note(), distinctBy: name });
    }
    return rest;
  }
}

/** Objects of the cache do not say what they are. */
const about = ({ metadata: { namespace, name, uid } }: Stored<Pod>) =>
  ({
    regarding: { apiVersion: "v1", kind: "Pod", ...(namespace !== undefined && { namespace }), name, uid },
    type: "Warning",
    action: "Inject",
  }) as const;
