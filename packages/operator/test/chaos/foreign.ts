import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { GENERATED_BY, type OwnershipMetadata, POD_UID } from "../../src/podconfigmap/ownership.ts";
import type { Held } from "../integration/support/namespace-client.ts";

/** The part of an object by which a touch shows. */
type Identity = Pick<Held<ConfigMap>["metadata"], "uid" | "resourceVersion">;

/**
 * Whether nothing in an object says that it is ours: the manager must not touch it, whatever its name. Told without the
 * operator's own judgement, which is what is tested.
 */
export const provesNothing = ({ labels, ownerReferences }: OwnershipMetadata): boolean => {
  const hasBothLabels = labels?.[GENERATED_BY] !== undefined && labels[POD_UID] !== undefined;
  return !hasBothLabels && (ownerReferences ?? []).length === 0;
};

/** The ConfigMaps that are somebody else's, as their owners left them. */
export class ForeignObjects {
  readonly #left = new Map<string, Identity>();
  /** Those whose end is an event for the manager, because they carry the label that it watches. */
  readonly #labelled = new Set<string>();
  readonly #handled = new Set<string>();

  /** Whether a hand has ever written to the ConfigMap of that name: its marks may be less than whole without our doing. */
  wasHandled(name: string): boolean {
    return this.#handled.has(name);
  }

  get names(): readonly string[] {
    return [...this.#left.keys()];
  }

  /** A hand has written this object: from now on it is foreign, or it is not. */
  note({ metadata }: Held<ConfigMap>): void {
    const { name, uid, resourceVersion } = metadata;
    this.#handled.add(name);
    this.forget(name);
    if (!provesNothing(metadata)) return;
    this.#left.set(name, { uid, resourceVersion });
    if (metadata.labels?.[GENERATED_BY] !== undefined) this.#labelled.add(name);
  }

  /** Its owner has deleted it. */
  forget(name: string): void {
    this.#left.delete(name);
    this.#labelled.delete(name);
  }

  /** Whether a manager that waits for this name to get free hears of it at once, and not when it looks next, after 30 s. */
  endIsHeard(name: string): boolean {
    return !this.#left.has(name) || this.#labelled.has(name);
  }

  /** What was touched, a line each; `configMaps` are all that there are. */
  touched(configMaps: readonly Held<ConfigMap>[]): readonly string[] {
    const present = new Map(configMaps.map(({ metadata }) => [metadata.name, metadata]));
    return [...this.#left].flatMap(([name, { uid, resourceVersion }]) => {
      const now = present.get(name);
      if (now === undefined) return [`${name} is gone`];
      if (now.uid !== uid) return [`${name} is another object now`];
      if (now.resourceVersion !== resourceVersion) return [`${name} was written to`];
      return [];
    });
  }
}
