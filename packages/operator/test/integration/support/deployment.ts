import type { Cluster } from "@pcmc/devcluster";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { PolicyRule, Subject } from "kubernetes-types/rbac/v1.d.ts";
import { AFFILIATE, nameFor } from "../../../src/podlogreader/names.ts";
import { type Choices, desiredObjects, ownerOf } from "../../../src/podlogreader/role.ts";
import { eventually } from "./eventually.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const API_GROUP = "rbac.authorization.k8s.io";

/** What of RBAC a test makes: a role and a binding to it, both of one name. */
export interface GrantWish {
  readonly rules: readonly PolicyRule[];
  readonly subjects: readonly Subject[];
}

/** A Deployment, labelled for podlogreader, with its Pods, which no node runs: kube-controller-manager makes them. */
export class TestDeployment {
  readonly #cluster: Cluster;
  readonly namespace: string;
  readonly name: string;

  private constructor(cluster: Cluster, { namespace, name }: { readonly namespace: string; readonly name: string }) {
    this.#cluster = cluster;
    this.namespace = namespace;
    this.name = name;
  }

  /** Makes a Deployment; resolves when it has its Pods. */
  static async create(
    cluster: Cluster,
    { namespace, name = "web", replicas = 2 }: { namespace: string; name?: string; replicas?: number },
  ): Promise<TestDeployment> {
    const labels = { app: name };
    const template = {
      metadata: { labels: { ...labels, [AFFILIATE.label]: AFFILIATE.value } },
      spec: { containers: [{ name: "main", image: "example.com/never-pulled" }] },
    };
    await cluster.request("POST", `/apis/apps/v1/namespaces/${namespace}/deployments`, {
      metadata: { name },
      spec: { replicas, selector: { matchLabels: labels }, template },
    });
    const deployment = new TestDeployment(cluster, { namespace, name });
    await eventually(`${name} has ${replicas} Pods`, async () => (await deployment.pods()).length === replicas);
    return deployment;
  }

  /** The names of its Pods, sorted: those that a ReplicaSet controls. */
  async pods(): Promise<readonly string[]> {
    const path = `/api/v1/namespaces/${this.namespace}/pods?labelSelector=app%3D${this.name}`;
    const { items } = await this.#cluster.request<{ items: Pod[] }>("GET", path);
    const owned = items.filter(({ metadata }) => metadata?.ownerReferences?.length === 1);
    return owned.map(({ metadata }) => metadata?.name ?? "").sort();
  }

  /** Makes what podlogreader makes for it: Role, ServiceAccount, RoleBinding. */
  async grantLogs(choices: Partial<Choices> = {}): Promise<void> {
    const path = `/apis/apps/v1/namespaces/${this.namespace}/deployments/${this.name}`;
    const owner = ownerOf(await this.#cluster.request<Deployment>("GET", path));
    const all = { createSaAndRoleBinding: true, allowPodGet: false, ...choices };
    const { role, serviceAccount, roleBinding } = desiredObjects(owner, await this.pods(), all);
    await this.#cluster.request("POST", `${RBAC}/namespaces/${this.namespace}/roles`, role);
    if (serviceAccount === undefined) return;
    await this.#cluster.request("POST", `/api/v1/namespaces/${this.namespace}/serviceaccounts`, serviceAccount);
    await this.#cluster.request("POST", `${RBAC}/namespaces/${this.namespace}/rolebindings`, roleBinding);
  }

  /** The name of what podlogreader makes. */
  get account(): string {
    return nameFor(this.name);
  }
}

/** Makes a Role and a RoleBinding to it in a namespace, or without one a ClusterRole and a ClusterRoleBinding. */
export const grant = async (
  cluster: Cluster,
  { namespace, name }: { readonly namespace?: string; readonly name: string },
  { rules, subjects }: GrantWish,
): Promise<void> => {
  const [folder, prefix] = namespace === undefined ? [RBAC, "Cluster"] : [`${RBAC}/namespaces/${namespace}`, ""];
  const plurals = prefix.toLowerCase();
  const roleRef = { apiGroup: API_GROUP, kind: `${prefix}Role`, name };
  await cluster.request("POST", `${folder}/${plurals}roles`, { metadata: { name }, rules });
  await cluster.request("POST", `${folder}/${plurals}rolebindings`, { metadata: { name }, roleRef, subjects });
};

/** A user, as a binding names it. */
export const user = (name: string): Subject => ({ apiGroup: API_GROUP, kind: "User", name });

/** A group, as a binding names it. */
export const group = (name: string): Subject => ({ apiGroup: API_GROUP, kind: "Group", name });
