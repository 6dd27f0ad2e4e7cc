import type { KubernetesObject } from "@pcmc/controller-runtime";
import type { ServiceAccount } from "kubernetes-types/core/v1.d.ts";
import type { RoleBinding } from "kubernetes-types/rbac/v1.d.ts";
import { claimedUidOf, nameFor } from "./names.ts";
import { type Desired, roleBindingOf } from "./role.ts";
import { sameBinding } from "./rules.ts";
import { type Keeping, objectKeyOf, type Settled, type Settler, type Task } from "./settler.ts";
import { foreignObject, remains } from "./troubles.ts";

export interface WayInOptions {
  readonly settler: Settler;
  readonly serviceAccounts: Keeping<ServiceAccount>;
  readonly roleBindings: Keeping<RoleBinding>;
}

/** What came of shutting it. */
export interface Shut {
  readonly settled: readonly Settled[];
  /** Whether an earlier Deployment's stand still: who has them must not get what this one's Role gives. */
  readonly isFormers: boolean;
  /** Errors that another try, soon, may mend. */
  readonly failures: readonly unknown[];
}

/** By which a Role is used: the ServiceAccount of a Deployment, and the RoleBinding that gives it the Role. */
export class WayIn {
  readonly #options: WayInOptions;

  constructor(options: WayInOptions) {
    this.#options = options;
  }

  /**
   * Removes what is an earlier Deployment's, or not wanted: the RoleBinding first. A token of that ServiceAccount is good for a
   * namesake too as long as the API server has it in its cache, so nothing of this is left to the end.
   */
  async shut(
    task: Task,
    { serviceAccount, roleBinding }: Pick<Desired, "serviceAccount" | "roleBinding">,
  ): Promise<Shut> {
    const { roleBindings, serviceAccounts } = this.#options;
    const shut = [
      await this.#shutOne(task, roleBindings, roleBinding),
      await this.#shutOne(task, serviceAccounts, serviceAccount),
    ];
    return {
      settled: shut.flatMap(({ settled }) => settled),
      isFormers: shut.some(({ isFormers }) => isFormers),
      failures: shut.flatMap(({ failures }) => failures),
    };
  }

  async #shutOne<T extends KubernetesObject>(task: Task, keeper: Keeping<T>, wanted: T | undefined): Promise<Shut> {
    const { owner } = task;
    const existing = keeper.cached(objectKeyOf(owner));
    const isFormers = existing !== undefined && claimedUidOf(existing.metadata, owner) !== owner.uid;
    if (existing === undefined || (wanted !== undefined && !isFormers)) return OPEN;
    try {
      const removed = await this.#options.settler.remove(task, keeper, remains(keeper.kind, nameFor(owner.name)));
      if (removed === undefined) return OPEN;
      return { settled: [removed], isFormers: isFormers && removed.holder === "us", failures: [] };
    } catch (error) {
      return { settled: [], isFormers, failures: [error] };
    }
  }

  /** Makes what is wanted; nothing for a Role that is not ours. */
  async open(task: Task, { serviceAccount, roleBinding }: Desired, role: Settled): Promise<readonly Settled[]> {
    const { settler, serviceAccounts, roleBindings } = this.#options;
    if (role.holder === "nobody") return [];
    if (role.holder === "others") return [(await settler.remove(task, roleBindings)) ?? []].flat();
    if (serviceAccount === undefined || roleBinding === undefined) return [];
    const name = nameFor(task.owner.name);
    const account = await settler.settle(task, {
      keeper: serviceAccounts,
      wanted: serviceAccount,
      foreign: () => foreignObject("ServiceAccount", { name, isAsWanted: false }),
    });
    // One that is bound before it is there, is whoever's makes it. An edited RoleBinding is put right in any case.
    const isBound = roleBindings.cached(objectKeyOf(task.owner)) !== undefined;
    if (!isBound && !this.#canBeBound(task, account)) return [account];
    const binding = await settler.settle(task, {
      keeper: roleBindings,
      wanted: roleBinding,
      foreign: (existing) =>
        foreignObject("RoleBinding", { name, isAsWanted: sameBinding(existing, roleBindingOf(task.owner)) }),
    });
    return [account, binding];
  }

  /** Whether the ServiceAccount is this Deployment's, or somebody's who made it before us. */
  #canBeBound({ owner }: Task, { holder }: Settled): boolean {
    if (holder === "others") return true;
    const account = this.#options.serviceAccounts.cached(objectKeyOf(owner));
    if (account === undefined || account.metadata.deletionTimestamp !== undefined) return false;
    return claimedUidOf(account.metadata, owner) === owner.uid;
  }
}

/** There was nothing to shut. */
const OPEN: Shut = { settled: [], isFormers: false, failures: [] };
