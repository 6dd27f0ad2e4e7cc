import { type Clock, type KeyString, keyOf, type Recorder, type Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../api/watcher.ts";
import { explain, type MissedPod } from "./missed.ts";

/** Pods older than so many milliseconds are not told of: after a restart of ours it would be the same again. */
const MAX_AGE = 600_000;
/** Events on Pods for one Watcher, in so many milliseconds. What is more, is one Event on the Watcher. */
const BURST = 20;
const WINDOW = 60_000;

/** What has been told of one Watcher's Pods. */
interface Told {
  /** UIDs of Pods. */
  pods: Set<string>;
  windowStart: number;
  inWindow: number;
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
 * Watcher's status as far as it names Pods; else age decides.
 */
export class PodEvents {
  readonly #events: Recorder;
  readonly #clock: Clock;
  readonly #told = new Map<KeyString, Told>();

  constructor({ events, clock }: { readonly events: Recorder; readonly clock: Clock }) {
    this.#events = events;
    this.#clock = clock;
  }

  forget(watcher: KeyString): void {
    this.#told.delete(watcher);
  }

  /** Tells of the Pods that have missed a Watcher. `missed` must be all of them: who is not among them is forgotten. */
  onMissed(watcher: Stored<Watcher>, missed: readonly MissedPod[]): void {
    const { name } = watcher.metadata;
    const key = keyOf(watcher);
    const inStatus = new Set(watcher.status?.missedPods?.map((pod) => pod.name));
    const isFirst = !this.#told.has(key);
    const told = this.#toldOf(
      key,
      missed.map(({ pod }) => pod),
    );
    if (isFirst) {
      for (const { pod } of missed) if (inStatus.has(pod.metadata.name)) told.pods.add(pod.metadata.uid);
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
    if (pods.length === 0) this.forget(key);
    else
      this.#tell(
        this.#toldOf(key, pods),
        pods.map((pod) => ({ pod, reason: "NotFound", note })),
        { name },
      );
  }

  #toldOf(key: KeyString, pods: readonly Stored<Pod>[]): Told {
    const told = this.#told.get(key) ?? { pods: new Set(), windowStart: Number.NEGATIVE_INFINITY, inWindow: 0 };
    this.#told.set(key, told);
    if (told.pods.size > pods.length) {
      told.pods = new Set(pods.map(({ metadata }) => metadata.uid).filter((uid) => told.pods.has(uid)));
    }
    return told;
  }

  /** @returns how many are told of by nobody, because there were too many. */
  #tell(
    told: Told,
    untold: readonly Untold[],
    { name, related }: { readonly name: string; readonly related?: Stored<Watcher> },
  ): number {
    const now = this.#clock.now();
    const oldest = this.#clock.date().getTime() - MAX_AGE;
    let rest = 0;
    for (const { pod, reason, note } of untold) {
      const { uid, creationTimestamp } = pod.metadata;
      if (told.pods.has(uid) || Date.parse(creationTimestamp ?? "") < oldest) continue;
      told.pods.add(uid);
      if (now - told.windowStart >= WINDOW) Object.assign(told, { windowStart: now, inWindow: 0 });
      told.inWindow += 1;
      if (told.inWindow > BURST) rest += 1;
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
