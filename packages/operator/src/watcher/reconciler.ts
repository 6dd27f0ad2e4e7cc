import {
  type Client,
  type Clock,
  type KeyString,
  keyOf,
  type ObjectKey,
  parseKey,
  type ReconcileContext,
  type ReconcileResult,
  type Recorder,
  type Stored,
} from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher, WatcherStatus } from "../api/watcher.ts";
import type { MissingPermissions } from "../controllers/missing-permissions.ts";
import { StatusWriter } from "../controllers/status-writer.ts";
import type { WatcherMetrics } from "../metrics/watcher-metrics.ts";
import type { ConfigMapWriter, Settled } from "./config-map-writer.ts";
import { contendersOf } from "./contenders.ts";
import type { DroppedFields } from "./dropped-fields.ts";
import { type Census, censusOf, isLive, isOwn, presentIn } from "./missed.ts";
import { parsedWatcher } from "./parsed.ts";
import type { PodEvents } from "./pod-events.ts";
import { asksByName } from "./requests.ts";
import type { RolloutState } from "./rollout.ts";
import type { Rollouts } from "./rollouts.ts";
import { indexes, type Sources } from "./sources.ts";
import { nextStatus, type ReadinessFacts, readinessOf, readySince } from "./status.ts";
import { deletedEvent, eventsOf } from "./status-events.ts";

export interface WatcherReconcilerOptions {
  readonly client: Client;
  readonly sources: Sources;
  readonly configMaps: ConfigMapWriter;
  readonly rollouts: Rollouts;
  readonly podEvents: PodEvents;
  readonly permissions: MissingPermissions;
  readonly metrics: Pick<WatcherMetrics, "onFailure">;
  readonly events: Recorder;
  readonly clock: Clock;
  readonly droppedFields: DroppedFields;
  /** Why nothing is injected in a namespace; `undefined`: something is. */
  readonly whyExcluded: (namespace: string) => string | undefined;
}

/** Settles one Watcher: its managed ConfigMap, what it has come to in Pods, a rollout, its status. */
export class WatcherReconciler {
  readonly #options: WatcherReconcilerOptions;
  readonly #statuses: StatusWriter<Watcher>;

  constructor(options: WatcherReconcilerOptions) {
    this.#options = options;
    this.#statuses = new StatusWriter({ ...options, informer: options.sources.watchers, type: "watcher" });
  }

  readonly reconcile = async (key: KeyString, context: ReconcileContext): Promise<ReconcileResult> => {
    const { sources, clock } = this.#options;
    const watcher = sources.watchers.get(key);
    if (watcher === undefined) return this.#onAbsent(key);
    // The garbage collector takes the ConfigMap; nobody is injected any more.
    if (watcher.metadata.deletionTimestamp !== undefined) return undefined;
    const configMap = await this.#options.configMaps.settle(watcher, context);
    // As it is now: the write has taken a while.
    const current = sources.watchers.get(key);
    if (current === undefined || !isSameSpec(current, watcher)) return { requeueAfter: 0 };
    const facts = this.#readiness(current, configMap);
    const ready = readinessOf(facts);
    // One time for all: a second later a Pod would be judged otherwise than by what is stored.
    const now = clock.date();
    const census = await this.#census(current, readySince(current, ready, now));
    const rollout = ready.status === "True" ? await this.#rollout(current, census, context) : undefined;
    const { parsed } = facts;
    const droppedFields = parsed.ok ? this.#options.droppedFields.of(current, parsed.spec) : [];
    const status = nextStatus(current, { ...facts, census, rollout, droppedFields }, now);
    this.#options.podEvents.onMissed(current, census.missed);
    const written = status && (await this.#write(current, status, context));
    if (rollout?.error !== undefined) throw rollout.error;
    return soonest(written, configMap.again, rollout?.again);
  };

  /** A Watcher is gone, and with it the ConfigMap that containers of running Pods read when they start again. */
  onDeleted(watcher: Stored<Watcher>): void {
    const { name } = watcher.metadata;
    const pods = this.#options.sources.pods.byIndex(indexes.named, keyOf(watcher));
    const count = pods.filter((pod) => isLive(pod) && presentIn(pod).has(name)).length;
    if (count === 0) return;
    this.#options.events.event({ regarding: watcher, ...deletedEvent(name, count) });
  }

  #write(watcher: Stored<Watcher>, status: WatcherStatus, context: ReconcileContext): Promise<ReconcileResult> {
    return this.#statuses.write({ ...watcher, status }, context, () => {
      for (const event of eventsOf(watcher.status, status))
        this.#options.events.event({ regarding: watcher, ...event });
    });
  }

  /** Pods may ask for a Watcher that is not there, or not any more: there is no status to say it in. */
  #onAbsent(key: KeyString): undefined {
    const { podEvents, rollouts, droppedFields, sources } = this.#options;
    this.#statuses.forget(key);
    rollouts.forget(key);
    droppedFields.forget(key);
    const { name }: ObjectKey = parseKey(key);
    const asking = sources.pods
      .byIndex(indexes.named, key)
      .filter((pod) => isLive(pod) && !isOwn(pod) && asksInVain(pod, name));
    podEvents.onAbsent(key, name, asking);
  }

  #readiness(watcher: Stored<Watcher>, { obstacle, holds }: Settled): ReadinessFacts {
    const { namespace = "", name } = watcher.metadata;
    const contender = contendersOf(this.#options.sources.watchers.inNamespace(namespace)).get(name);
    const excluded = this.#options.whyExcluded(namespace);
    return { parsed: parsedWatcher(watcher), configMap: { obstacle, holds }, contender, excluded };
  }

  #census(watcher: Stored<Watcher>, since: Date | undefined): Promise<Census> {
    const { pods } = this.#options.sources;
    const { podSelector } = watcher.spec ?? {};
    const hasSelector = podSelector !== undefined && podSelector !== null;
    const parsed = parsedWatcher(watcher);
    return censusOf(watcher, {
      // Without a selector only those that name it: a namespace may have thousands of others.
      pods: hasSelector
        ? pods.inNamespace(watcher.metadata.namespace ?? "")
        : pods.byIndex(indexes.named, keyOf(watcher)),
      revision: parsed.ok ? parsed.revision : undefined,
      readySince: since,
    });
  }

  async #rollout(
    watcher: Stored<Watcher>,
    census: Census,
    context: ReconcileContext,
  ): Promise<RolloutState | undefined> {
    const parsed = parsedWatcher(watcher);
    if (!parsed.ok || parsed.spec.rollout !== "OnChange") return undefined;
    return this.#options.rollouts.step({ watcher, revision: parsed.revision, census, context });
  }
}

/** What a Watcher that is gone has left in a Pod stays there: the Pod misses nothing. */
const asksInVain = (pod: Stored<Pod>, name: string): boolean => asksByName(pod, name) && !presentIn(pod).has(name);

/** The generation counts the versions of the spec; another uid is another object of the same name. */
const isSameSpec = ({ metadata: a }: Stored<Watcher>, { metadata: b }: Stored<Watcher>): boolean =>
  a.generation === b.generation && a.uid === b.uid;

const soonest = (written: ReconcileResult, ...agains: readonly (number | undefined)[]): ReconcileResult => {
  const waits = [written?.requeueAfter, ...agains].filter((wait) => wait !== undefined);
  return waits.length === 0 ? undefined : { requeueAfter: Math.min(...waits) };
};
