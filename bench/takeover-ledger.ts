import { isDeepStrictEqual } from "node:util";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import type { Told } from "./takeover-watch.ts";
import { TEAM_KEY } from "./workload.ts";

/** Of how many ConfigMaps a trouble is told one by one. */
const TOLD = 10;

/** Values of the annotation that is changed: each is higher than the one before, so that a step back shows. */
export const teamOf = (change: number): string => `change-${change}`;
const changeOf = (configMap: ConfigMap | undefined): number =>
  Number(/^change-(\d+)$/.exec(configMap?.data?.[TEAM_KEY] ?? "")?.[1] ?? -1);

/** What a watch has told of all generated ConfigMaps, and what of it should not have been. */
export class Ledger {
  /** When each change of a Pod was first seen in its ConfigMap (`performance.now()`). */
  readonly seen = new Map<number, number>();
  readonly #problems: string[] = [];
  readonly #known = new Map<string, ConfigMap>();

  /** How many ConfigMaps there are. */
  get size(): number {
    return this.#known.size;
  }

  /** The last change that a ConfigMap has; -1 = none. */
  changeIn(name: string): number {
    return changeOf(this.#known.get(name));
  }

  readonly onEvent = ({ type, object, at }: Told<ConfigMap>): void => {
    const { name = "" } = object.metadata ?? {};
    if (!name.startsWith("pod-")) return;
    if (type === "DELETED") {
      this.#known.delete(name);
      this.#problems.push(`${name} was deleted`);
      return;
    }
    const before = this.#known.get(name);
    this.#known.set(name, object);
    if (before !== undefined) this.#judge(name, before, object);
    if (!this.seen.has(changeOf(object))) this.seen.set(changeOf(object), at);
  };

  /** What went wrong so far, and what is not as it should be now. `last` has the last change of each ConfigMap. */
  problems(last: ReadonlyMap<string, number>): string[] {
    const behind = [...last].flatMap(([name, change]) => {
      const configMap = this.#known.get(name);
      if (configMap === undefined) return [`${name} is missing`];
      return changeOf(configMap) === change ? [] : [`${name} does not have change ${change} of its Pod`];
    });
    const all = [...this.#problems, ...behind];
    return all.length <= TOLD ? all : [...all.slice(0, TOLD), `and ${all.length - TOLD} more`];
  }

  /** Every resourceVersion has to be worth it. */
  #judge(name: string, before: ConfigMap, after: ConfigMap): void {
    if (before.metadata?.uid !== after.metadata?.uid) this.#problems.push(`${name} is another object`);
    if (isDeepStrictEqual(contentOf(before), contentOf(after))) {
      this.#problems.push(`${name} was written though nothing in it changed`);
    }
    if (changeOf(after) < changeOf(before)) this.#problems.push(`${name} went back to an older state`);
  }
}

const contentOf = ({ data, binaryData, immutable, metadata = {} }: ConfigMap) => {
  const { labels, annotations, ownerReferences } = metadata;
  return { data, binaryData, immutable, labels, annotations, ownerReferences };
};
