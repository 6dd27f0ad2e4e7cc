import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import type { KeyString, Stored } from "../../src/object.ts";
import { keyOf } from "../../src/object.ts";

export type Item = Stored<ConfigMap>;

/** An entry of a server's history: what an object was from `revision` on; `undefined` = not there. */
export interface Step {
  readonly revision: number;
  readonly key: KeyString;
  readonly object: Item | undefined;
  readonly before: Item | undefined;
}

export interface ModelEvent {
  readonly revision: number;
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: Item;
}

/** What an update changes; a field left out stays. */
export interface Content {
  readonly data?: string;
  /** Whether the watches' selector lets the object in. Default true. */
  readonly selected?: boolean;
}

/** A collection of an API server, with its history: the model that the tests hold the cache against. */
export class ModelServer {
  /** As an API server's: of the whole etcd, so not every one is a change of this collection. */
  revision = 100;
  /** Watches from before it are refused. */
  compacted = 0;
  history: Step[] = [];
  readonly #objects = new Map<KeyString, Item>();
  readonly #listeners = new Set<() => void>();
  #uids = 0;

  get(key: KeyString): Item | undefined {
    return this.#objects.get(key);
  }

  /** What a list with the selector gives. */
  selected(): Item[] {
    return [...this.#objects.values()].filter(isSelected);
  }

  /** Creates or replaces; returns what a client would get. */
  put(namespace: string, name: string, { data, selected }: Content = {}): Item {
    const before = this.#objects.get(`${namespace}/${name}`);
    const isIn = selected ?? (before === undefined || isSelected(before));
    const object: Item = {
      metadata: {
        namespace,
        name,
        uid: before?.metadata.uid ?? `uid-${++this.#uids}`,
        resourceVersion: String(++this.revision),
        labels: { selected: String(isIn) },
      },
      data: { value: data ?? before?.data?.value ?? "" },
    };
    this.#step(keyOf(object), object);
    return object;
  }

  delete(key: KeyString): void {
    this.revision++;
    this.#step(key, undefined);
  }

  /** Something else of the cluster changes. */
  tick(): void {
    this.revision++;
    this.#tell();
  }

  /** Forgets the history: watches that were not there until now are refused. */
  compact(): void {
    this.compacted = this.revision;
  }

  /** Puts the server back to what it was at `revision`, as a restored etcd does. */
  rewind(revision: number): void {
    const undone = this.history.filter((step) => step.revision > revision).reverse();
    for (const { key, before } of undone) {
      if (before === undefined) this.#objects.delete(key);
      else this.#objects.set(key, before);
    }
    this.history = this.history.filter((step) => step.revision <= revision);
    this.revision = revision;
  }

  /** What a watch with the selector tells after `revision`. */
  eventsAfter(revision: number): ModelEvent[] {
    return this.history.flatMap((step) => (step.revision > revision ? eventOf(step) : []));
  }

  /** Calls `listener` after each change; returns a function that ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #step(key: KeyString, object: Item | undefined): void {
    this.history.push({ revision: this.revision, key, object, before: this.#objects.get(key) });
    if (object === undefined) this.#objects.delete(key);
    else this.#objects.set(key, object);
    this.#tell();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

export const isSelected = (object: Item): boolean => object.metadata.labels?.selected === "true";

/** What a watch with a selector makes of a step: coming in is ADDED, leaving is DELETED. */
const eventOf = ({ revision, object, before }: Step): ModelEvent[] => {
  const was = before !== undefined && isSelected(before);
  if (object !== undefined && isSelected(object)) return [{ revision, type: was ? "MODIFIED" : "ADDED", object }];
  if (!was) return [];
  // The last state that was in, with the resourceVersion of its leaving.
  return [
    {
      revision,
      type: "DELETED",
      object: { ...before, metadata: { ...before.metadata, resourceVersion: String(revision) } },
    },
  ];
};
