import { type KeyString, keyString } from "@pcmc/controller-runtime";
import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";

/**
 * Names that stand in Roles though their Pods are gone, while the Deployments roll: should another Pod take one of them, its
 * Deployments have to be looked at at once. Several can have the same one, where a Pod went from one to the other.
 */
export class StaleNames {
  /** By Deployment, and by Pod. */
  readonly #pods = new Map<KeyString, readonly KeyString[]>();
  readonly #deployments = new Map<KeyString, Set<KeyString>>();

  /** The names that stand in the Role of a Deployment, replacing those of before. */
  set(deployment: KeyString, pods: readonly KeyString[]): void {
    for (const pod of this.#pods.get(deployment) ?? []) this.#remove(pod, deployment);
    if (pods.length === 0) this.#pods.delete(deployment);
    else this.#pods.set(deployment, pods);
    for (const pod of pods) this.#deployments.set(pod, (this.#deployments.get(pod) ?? new Set()).add(deployment));
  }

  /** The Deployments in whose Roles the name of this Pod still stands. */
  deploymentsOf(pod: KeyString): ReadonlySet<KeyString> {
    return this.#deployments.get(pod) ?? NONE;
  }

  #remove(pod: KeyString, deployment: KeyString): void {
    const deployments = this.#deployments.get(pod);
    if (deployments?.delete(deployment) && deployments.size === 0) this.#deployments.delete(pod);
  }
}

const NONE: ReadonlySet<KeyString> = new Set();

/** The Pods that rules name and that are not among `current`, as keys. */
export const staleNamesIn = (
  rules: readonly PolicyRule[],
  { namespace, current }: { readonly namespace: string; readonly current: ReadonlySet<string> },
): readonly KeyString[] => {
  const named = new Set(rules.flatMap(({ resourceNames }) => resourceNames ?? []));
  return [...named].filter((name) => !current.has(name)).map((name) => keyString(namespace, name));
};
