import type { ChangeHandler, KubernetesObject } from "@pcmc/controller-runtime";

/** What of an informer says whether a namespace has objects that concern us. */
export interface Holder<T extends KubernetesObject = KubernetesObject> {
  countIn(namespace: string): number;
  onChange(handler: ChangeHandler<T>): unknown;
}

/**
 * Which namespaces have series of ours. All groups of controllers count by namespace, some into the same metrics, so series go
 * when the last group has nothing left in their namespace, not when the first one does.
 */
export class Namespaces {
  readonly #holders = new Set<Pick<Holder, "countIn">>();
  readonly #forgetting: ((namespace: string) => void)[] = [];

  /** `forget` is called with each namespace that is gone, perhaps more than once. */
  onGone(forget: (namespace: string) => void): void {
    this.#forgetting.push(forget);
  }

  /** A namespace stays for as long as this informer has an object of it. What several groups share counts once. */
  heldBy<T extends KubernetesObject>(informer: Holder<T>): void {
    if (this.#holders.has(informer)) return;
    this.#holders.add(informer);
    informer.onChange(({ type, object }) => {
      if (type === "deleted") this.forgetUnheld(object.metadata?.namespace ?? "");
    });
  }

  /** Forgets a namespace in which nothing concerns us. @returns whether that is so. */
  forgetUnheld(namespace: string): boolean {
    for (const holder of this.#holders) if (holder.countIn(namespace) > 0) return false;
    for (const forget of this.#forgetting) forget(namespace);
    return true;
  }
}
