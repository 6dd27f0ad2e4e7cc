import type { Informer, Logger } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Kernel } from "./kernel.ts";

export interface SweeperOptions {
  readonly pods: Pick<Informer<Pod>, "synced" | "values" | "onSynced">;
  readonly kernel: Pick<Kernel, "enforcer" | "onChange">;
  /** Those whose Pods `pods` holds; none = all. What is pinned of others is not ours to sweep. */
  readonly namespaces: readonly string[];
  readonly log: Logger;
}

/**
 * Removes what is in the kernel of Pods that went while no agent ran. Only ever against a complete list of the node's Pods:
 * while the API server cannot be reached, every rule stays.
 */
export class Sweeper {
  readonly #options: SweeperOptions;

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  /** Sweeps whenever a list has become complete, and when the kernel side is there after that, until disposed of. */
  start(): Disposable {
    const { pods, kernel } = this.#options;
    const sweep = () => this.#sweep();
    const end = pods.onSynced(sweep);
    kernel.onChange(sweep);
    sweep();
    return { [Symbol.dispose]: end };
  }

  #sweep(): void {
    const { pods, kernel, namespaces, log } = this.#options;
    const { enforcer } = kernel;
    if (enforcer === undefined || !pods.synced) return;
    const live = new Set<string>();
    for (const { metadata } of pods.values()) live.add(metadata.uid);
    const released = enforcer.sweep(live, { namespaces });
    if (released.length > 0) log.info("removed the programs of Pods that are gone", { pods: released.length });
  }
}
