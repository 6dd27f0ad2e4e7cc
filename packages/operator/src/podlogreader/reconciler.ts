import {
  type Client,
  type Clock,
  type KeyString,
  keyString,
  NotFoundError,
  parseKey,
  type Random,
  type ReconcileContext,
  type ReconcileResult,
  type Recorder,
  StaleError,
  type Stored,
} from "@pcmc/controller-runtime";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { ServiceAccount } from "kubernetes-types/core/v1.d.ts";
import type { Role, RoleBinding } from "kubernetes-types/rbac/v1.d.ts";
import { MissingPermissions } from "../controllers/missing-permissions.ts";
import type { PodLogReaderMetrics } from "../metrics/podlogreader-metrics.ts";
import { currentPods } from "./current-pods.ts";
import { adoption, roleBindingContent, roleContent, serviceAccountContent } from "./difference.ts";
import { Keeper } from "./keeper.ts";
import { nameFor } from "./names.ts";
import { type Choices, type Desired, desiredObjects, isAffiliated, ownerOf, roleBindingOf } from "./role.ts";
import { RoleWrites } from "./role-writes.ts";
import { objectKeyOf, type Settled, Settler, type Task } from "./settler.ts";
import { controlledIn, Deployments, deploymentByUid, deploymentFields, isServed, type Sources } from "./sources.ts";
import { foreignObject, Troubles, tooManyPods } from "./troubles.ts";
import { WayIn } from "./way-in.ts";

export interface ReconcilerOptions extends Choices {
  readonly client: Client;
  readonly sources: Sources;
  readonly events: Recorder;
  readonly metrics: Pick<PodLogReaderMetrics, "onFailure" | "onWrite">;
  readonly clock: Clock;
  readonly random: Random;
  /** See `SettlerOptions`. */
  readonly recheckPeriod?: number | undefined;
}

/**
 * Settles what one Deployment should have: reads the cache, asks the pure functions, carries out the difference. First what lets
 * somebody in who should not be; then the Role, since what a RoleBinding gives has to be there, and to be ours; then who gets it.
 */
export class DeploymentReconciler {
  readonly #options: ReconcilerOptions;
  readonly #permissions: MissingPermissions;
  readonly #roleWrites: RoleWrites;
  readonly #troubles: Troubles;
  readonly #settler: Settler;
  readonly #wayIn: WayIn;
  readonly #roles: Keeper<Role>;
  readonly #serviceAccounts: Keeper<ServiceAccount>;
  readonly #roleBindings: Keeper<RoleBinding>;

  constructor(options: ReconcilerOptions) {
    const { client, sources, metrics } = options;
    this.#options = options;
    this.#troubles = new Troubles(options);
    this.#permissions = new MissingPermissions(options);
    this.#roleWrites = new RoleWrites(options);
    this.#settler = new Settler({
      ...options,
      troubles: this.#troubles,
      permissions: this.#permissions,
      deploymentOf: (uid) => deploymentByUid(sources, uid),
    });
    const common = { client, metrics, permissions: this.#permissions };
    const { roles, serviceAccounts, roleBindings } = sources;
    this.#roles = new Keeper({ ...common, kind: "Role", resource: "roles", informer: roles, content: roleContent });
    this.#serviceAccounts = new Keeper({
      ...common,
      kind: "ServiceAccount",
      resource: "serviceaccounts",
      informer: serviceAccounts,
      content: serviceAccountContent,
    });
    this.#roleBindings = new Keeper({
      ...common,
      kind: "RoleBinding",
      resource: "rolebindings",
      informer: roleBindings,
      content: roleBindingContent,
    });
    this.#wayIn = new WayIn({
      settler: this.#settler,
      serviceAccounts: this.#serviceAccounts,
      roleBindings: this.#roleBindings,
    });
  }

  /** The Deployments in whose Roles the name of this Pod still stands, though it was another Pod's. */
  staleIn(pod: KeyString): ReadonlySet<KeyString> {
    return this.#roleWrites.staleIn(pod);
  }

  readonly reconcile = async (key: KeyString, context: ReconcileContext): Promise<ReconcileResult> => {
    const deployment = this.#options.sources.deployments.get(key);
    if (deployment === undefined || !isAffiliated(deployment)) return this.#cleanUp(key, context);
    const task: Task = { key, owner: ownerOf(deployment), deployment, context };
    const pods = currentPods(deployment, controlledIn(this.#options.sources));
    // Before the Role gets any name: who could read an earlier Deployment of the name must not read this one.
    const shut = await this.#wayIn.shut(task, desiredObjects(task.owner, pods, this.#options));
    const readable = shut.isFormers ? [] : pods;
    const desired = desiredObjects(task.owner, readable, this.#options);
    if (desired.left === 0) this.#troubles.end(key, "Pods");
    else this.#settler.tell(task, "Pods", tooManyPods(desired.left, pods.length));
    const role = await this.#settleRole(task, { deployment, desired, pods: new Set(readable) });
    if (shut.failures.length > 0) throw shut.failures[0];
    const opened = shut.isFormers ? [] : await this.#wayIn.open(task, desired, role);
    return soonest([...shut.settled, role, ...opened]);
  };

  #settleRole(
    task: Task,
    { deployment, desired, pods }: { deployment: Stored<Deployment>; desired: Desired; pods: ReadonlySet<string> },
  ): Promise<Settled> {
    const { key, owner, context } = task;
    const { sources, allowPodGet } = this.#options;
    const exists = (pod: string) => sources.pods.get(keyString(owner.namespace, pod)) !== undefined;
    return this.#settler.settle(task, {
      keeper: this.#roles,
      wanted: desired.role,
      ...this.#roleWrites.timing(key, { deployment, tolerated: { pods, exists, allowPodGet } }),
      adopt: async (existing) => {
        const bindings = this.#roleBindings;
        const name = objectKeyOf(owner);
        const binding = bindings.cached(name) ?? (await bindings.read(name, context));
        return adoption(existing, { wanted: desired.role, owner, binding, ownBinding: roleBindingOf(owner) });
      },
      foreign: () => foreignObject("Role", { name: nameFor(owner.name), isAsWanted: false }),
    });
  }

  /** Removes what was made for a Deployment that is gone, or has the label no more. The way in goes first. */
  async #cleanUp(key: KeyString, context: ReconcileContext): Promise<ReconcileResult> {
    const { namespace, name } = parseKey(key);
    const owner = { namespace, name, uid: "" };
    this.#roleWrites.forget(key);
    this.#troubles.forget(key);
    const settled: Settled[] = [];
    const keepers = [this.#roleBindings, this.#roles, this.#serviceAccounts];
    if (keepers.some((keeper) => keeper.cached(objectKeyOf(owner)) !== undefined)) {
      // A token that is in use does not come back: the cache of Deployments may be behind that of what was made for them.
      if (await this.#isStillAffiliated(key, context)) throw new StaleError(`Deployment ${key} has just been labelled`);
      const task: Task = { key, owner, deployment: undefined, context };
      settled.push(await this.#settler.settle(task, { keeper: this.#roleBindings, wanted: undefined }));
      settled.push(await this.#settler.settle(task, { keeper: this.#roles, wanted: undefined }));
      settled.push(await this.#settler.settle(task, { keeper: this.#serviceAccounts, wanted: undefined }));
    }
    // Looked for only where there is something to forget.
    if (this.#permissions.incomplete && !isServed(this.#options.sources, namespace)) {
      this.#permissions.forgetNamespace(namespace);
    }
    return soonest(settled);
  }

  async #isStillAffiliated(key: KeyString, { end: signal }: ReconcileContext): Promise<boolean> {
    try {
      const options = { project: deploymentFields, signal };
      return isAffiliated(await this.#options.client.get(Deployments, parseKey(key), options));
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  }
}

const soonest = (settled: readonly Settled[]): ReconcileResult => {
  const waits = settled.flatMap(({ again }) => again ?? []);
  return waits.length === 0 ? undefined : { requeueAfter: Math.min(...waits) };
};
