import type { Cluster } from "@pcmc/devcluster";
import type { Deployment, ReplicaSet } from "kubernetes-types/apps/v1.d.ts";
import type { Pod, ServiceAccount } from "kubernetes-types/core/v1.d.ts";
import type { Event } from "kubernetes-types/events/v1.d.ts";
import type { ObjectMeta } from "kubernetes-types/meta/v1.d.ts";
import type { PolicyRule, Role, RoleBinding } from "kubernetes-types/rbac/v1.d.ts";
import { AFFILIATE } from "../../../src/podlogreader/names.ts";
import { eventually } from "../../integration/support/eventually.ts";
import { type Held, NamespaceClient } from "../../integration/support/namespace-client.ts";

/** What the tests work with, by plural. */
export interface Kinds {
  readonly deployments: Deployment;
  readonly replicasets: ReplicaSet;
  readonly pods: Pod;
  readonly roles: Role;
  readonly rolebindings: RoleBinding;
  readonly serviceaccounts: ServiceAccount;
  readonly events: Event;
}

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const roots: Readonly<Record<keyof Kinds, string>> = {
  deployments: "/apis/apps/v1",
  replicasets: "/apis/apps/v1",
  pods: "/api/v1",
  roles: RBAC,
  rolebindings: RBAC,
  serviceaccounts: "/api/v1",
  events: "/apis/events.k8s.io/v1",
};

const CONTAINERS = [{ name: "main", image: "example.com/never-pulled" }];

/** One namespace, worked on as the cluster's admin, past the controller. */
export class Shop extends NamespaceClient<Kinds> {
  constructor(cluster: Cluster, name: string) {
    super(cluster, name, roots);
  }

  /** A Deployment, labelled unless `labels` say otherwise. */
  deploy(name: string, { replicas = 1, labels = { [AFFILIATE.label]: AFFILIATE.value } }: DeploymentWish = {}) {
    const selector = { app: name.slice(0, 40).replace(/-$/, "") };
    return this.create("deployments", {
      metadata: { name },
      spec: {
        replicas,
        selector: { matchLabels: selector },
        template: {
          metadata: { labels: { ...selector, ...labels } },
          // Gone as soon as it is deleted: no kubelet waits for a process.
          spec: { containers: CONTAINERS, terminationGracePeriodSeconds: 0 },
        },
      },
    });
  }

  /** Where no controller runs: says, as the Deployment's would, that nothing is left to do. */
  async settle(name: string): Promise<void> {
    const { metadata, spec } = await this.get("deployments", name);
    const { replicas = 1 } = spec ?? {};
    const counts = { replicas, updatedReplicas: replicas, availableReplicas: replicas, readyReplicas: replicas };
    await this.patchStatus("deployments", name, { observedGeneration: metadata.generation, ...counts });
  }

  /** Where no controller runs: a ReplicaSet as the Deployment's would make it. */
  createReplicaSet({ metadata, spec }: Held<Deployment>, hash = "1a2b"): Promise<Held<ReplicaSet>> {
    const labels = { ...spec?.selector.matchLabels, "pod-template-hash": hash };
    return this.create("replicasets", {
      metadata: {
        name: `${metadata.name.slice(0, 200)}-${metadata.uid.slice(0, 8)}-${hash}`,
        labels,
        ownerReferences: [controller("Deployment", metadata)],
      },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: CONTAINERS } },
      },
    });
  }

  /** Where no controller runs: a Pod as the ReplicaSet's would make it, but for `changes`. */
  createPod(set: Held<ReplicaSet>, name: string, changes: Partial<ObjectMeta> = {}): Promise<Held<Pod>> {
    const { matchLabels: labels = {} } = set.spec?.selector ?? {};
    const ownerReferences = [controller("ReplicaSet", set.metadata)];
    return this.create("pods", {
      metadata: { name, labels, ownerReferences, ...changes },
      spec: { containers: CONTAINERS },
    });
  }

  /** The Pods whose logs the Role names; `undefined` where it has no rule for any. */
  async readable(role: string): Promise<readonly string[] | undefined> {
    const { rules = [] } = await this.get("roles", role);
    return rules.find(({ resources }) => resources?.includes("pods/log"))?.resourceNames;
  }

  /** Waits until the Role names exactly these Pods. */
  grants(role: string, pods: readonly string[]): Promise<true> {
    const expected = pods.toSorted().join();
    return eventually(`Role ${role} names ${pods.length} Pods: ${expected.slice(0, 500)}`, async () => {
      const named = (await this.readable(role)) ?? [];
      if (named.toSorted().join() === expected) return true as const;
      throw new Error(`it names ${named.length}: ${named.join().slice(0, 500)}`);
    });
  }

  /** Waits until the object is gone. */
  gone(kind: keyof Kinds, name: string): Promise<true> {
    return eventually(`${kind} ${name} is gone`, async () => (await this.lacks(kind, name)) && (true as const));
  }

  /** Events about an object of this name, by reason. */
  async eventsOn(name: string, reason?: string): Promise<Held<Event>[]> {
    const events = await this.list("events");
    return events.filter((event) => event.regarding?.name === name && event.reason === (reason ?? event.reason));
  }

  /** Whether RBAC allows something. */
  async allows(user: string, { verb, resource, name }: Question, groups: readonly string[] = []): Promise<boolean> {
    const [plural = "", subresource] = resource.split("/");
    const group = plural.startsWith("role") ? "rbac.authorization.k8s.io" : "";
    const resourceAttributes = { namespace: this.name, verb, group, resource: plural, subresource, name };
    const review = await this.cluster.request<{ status: { allowed: boolean } }>(
      "POST",
      "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user, groups, resourceAttributes },
      },
    );
    return review.status.allowed;
  }
}
interface DeploymentWish {
  readonly replicas?: number;
  readonly labels?: Readonly<Record<string, string>>;
}

interface Question {
  readonly verb: string;
  /** With the subresource: `pods/log`. */
  readonly resource: string;
  readonly name?: string;
}

const controller = (kind: string, { name, uid }: Held<object>["metadata"]) => ({
  apiVersion: "apps/v1",
  kind,
  name,
  uid,
  controller: true,
});

/** The rules of a Role for these Pods, as users rely on them. */
export const rulesOf = (pods: readonly string[]): PolicyRule[] => [
  { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
  { apiGroups: [""], resources: ["pods/log"], resourceNames: [...pods], verbs: ["get", "list", "watch"] },
];
