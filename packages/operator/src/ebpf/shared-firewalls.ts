import type { FirewallPolicy, PodPolicy } from "./policy.ts";

/**
 * One object for each firewall, however many Pods it is for: the bitmaps of one take up to 64 KiB, and the Pods of a Deployment
 * all have the same. One that no Pod has any more is forgotten.
 */
export class SharedFirewalls {
  readonly #byRevision = new Map<string, WeakRef<FirewallPolicy>>();
  readonly #ended = new FinalizationRegistry<string>((revision) => {
    // By now another one may have come under the same revision.
    if (this.#byRevision.get(revision)?.deref() === undefined) this.#byRevision.delete(revision);
  });

  /** The policy with the firewall that was given first under its revision: the same revision is the same content. */
  share(policy: PodPolicy): PodPolicy {
    const { firewall, revision } = policy;
    if (firewall === undefined) return policy;
    const first = this.#byRevision.get(revision)?.deref();
    if (first !== undefined) return { ...policy, firewall: first };
    this.#byRevision.set(revision, new WeakRef(firewall));
    this.#ended.register(firewall, revision);
    return policy;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#byRevision.size;
  }
}
