import { type Clock, type KeyString, parseKey, type Stored } from "@pcmc/controller-runtime";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { Role } from "kubernetes-types/rbac/v1.d.ts";
import { isRolling, Pace } from "./pace.ts";
import { grantsTooMuch, type Tolerated } from "./rules.ts";
import type { Job } from "./settler.ts";
import { StaleNames, staleNamesIn } from "./stale-names.ts";

export interface RoleWritesOptions {
  readonly clock: Clock;
}

/** When Roles are written, and which names of Pods that are gone stand in them until then. Memory only. */
export class RoleWrites {
  readonly #clock: Clock;
  readonly #pace = new Pace();
  readonly #staleNames = new StaleNames();

  constructor({ clock }: RoleWritesOptions) {
    this.#clock = clock;
  }

  /** What of the job of a Role is about time. `key` is that of its Deployment. */
  timing(
    key: KeyString,
    { deployment, tolerated }: { readonly deployment: Deployment; readonly tolerated: Tolerated },
  ): Required<Pick<Job<Role>, "wait" | "onTried" | "onSettled">> {
    return {
      wait: (existing) => {
        this.#note(key, existing, tolerated);
        const urgent = grantsTooMuch(existing?.rules ?? [], tolerated);
        return this.#pace.wait(key, { rolling: isRolling(deployment), urgent }, this.#clock.now());
      },
      onTried: () => this.#pace.onWritten(key, this.#clock.now()),
      onSettled: () => {
        this.#pace.onSettled(key);
        this.#staleNames.set(key, []);
      },
    };
  }

  /** The Deployments in whose Roles the name of this Pod still stands, though it was another Pod's. */
  staleIn(pod: KeyString): ReadonlySet<KeyString> {
    return this.#staleNames.deploymentsOf(pod);
  }

  /** The Deployment is gone, or concerns us no more. */
  forget(key: KeyString): void {
    this.#pace.forget(key);
    this.#staleNames.set(key, []);
  }

  /** Before each write: one that fails leaves them where they are. A Role that is not seen may stand all the same. */
  #note(key: KeyString, existing: Stored<Role> | undefined, { pods: current }: Tolerated): void {
    if (existing === undefined) return;
    const { namespace } = parseKey(key);
    this.#staleNames.set(key, staleNamesIn(existing.rules ?? [], { namespace, current }));
  }
}
