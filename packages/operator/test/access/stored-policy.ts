import type { Cluster } from "@pcmc/devcluster";
import type { Subject } from "kubernetes-types/rbac/v1.d.ts";
import { eventually } from "../integration/support/eventually.ts";
import { NAMESPACE, type Policy } from "./generated.ts";
import { allowed } from "./verdict.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const API_GROUP = "rbac.authorization.k8s.io";
/** May do one thing, by the last Role, ClusterRole and bindings that were written: once they count, all before them do. */
const SENTINEL = { user: "sentinel", resource: "sentinels" };

/** A policy in a cluster, in force from its making to its end. */
export class StoredPolicy implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #ofCluster: string[] = [];

  private constructor(cluster: Cluster, namespace: string) {
    this.#cluster = cluster;
    this.#namespace = namespace;
  }

  /** Stores a policy, and waits until the API server judges by it. */
  static async store(cluster: Cluster, namespace: string, policy: Policy): Promise<StoredPolicy> {
    const stored = new StoredPolicy(cluster, namespace);
    for (const [index, rules] of policy.roles.entries()) await stored.#role("Role", `${index}`, rules);
    for (const [index, rules] of policy.clusterRoles.entries()) await stored.#role("ClusterRole", `${index}`, rules);
    for (const [index, { kind, role, subjects }] of policy.bindings.entries()) {
      await stored.#binding(kind, `${index}`, { role: { kind: role.kind, name: `${role.index}` }, subjects });
    }
    const rules = [{ apiGroups: ["example.com"], resources: [SENTINEL.resource], verbs: ["get"] }];
    for (const scope of ["", "Cluster"] as const) {
      await stored.#role(`${scope}Role`, "sentinel", rules);
      const subjects = [{ apiGroup: API_GROUP, kind: "User", name: `${SENTINEL.user}${scope}` }];
      await stored.#binding(`${scope}RoleBinding`, "sentinel", {
        role: { kind: `${scope}Role`, name: "sentinel" },
        subjects,
      });
    }
    await stored.#counts("", true);
    await stored.#counts("Cluster", true);
    return stored;
  }

  /** Takes out what counts in other namespaces too. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of this.#ofCluster) await this.#cluster.request("DELETE", path);
    await this.#counts("Cluster", false);
  }

  #counts(scope: "" | "Cluster", expected: boolean): Promise<unknown> {
    const action = { group: "example.com", resource: SENTINEL.resource, verb: "get", namespace: this.#namespace };
    const who = { user: `${SENTINEL.user}${scope}`, groups: [] };
    return eventually(`the ${scope}RoleBinding of the sentinel counts: ${expected}`, async () => {
      return (await allowed(this.#cluster, who, action)) === expected;
    });
  }

  #role(kind: "Role" | "ClusterRole", name: string, rules: Policy["roles"][number]): Promise<unknown> {
    return this.#create(kind, name, { rules });
  }

  #binding(
    kind: "RoleBinding" | "ClusterRoleBinding",
    name: string,
    { role, subjects }: { role: { kind: "Role" | "ClusterRole"; name: string }; subjects: readonly Subject[] },
  ): Promise<unknown> {
    const here = subjects.map((subject) => ofNamespace(subject, this.#namespace));
    const roleRef = { apiGroup: API_GROUP, kind: role.kind, name: this.#name(role.kind, role.name) };
    return this.#create(kind, name, { roleRef, subjects: here });
  }

  async #create(kind: string, name: string, content: object): Promise<void> {
    const isOfCluster = kind.startsWith("Cluster");
    const folder = isOfCluster ? RBAC : `${RBAC}/namespaces/${this.#namespace}`;
    const path = `${folder}/${kind.toLowerCase()}s`;
    const full = this.#name(kind, name);
    await this.#cluster.request("POST", path, { metadata: { name: full }, ...content });
    // The sentinel's binding has to go last.
    if (isOfCluster) this.#ofCluster.push(`${path}/${full}`);
  }

  #name(kind: string, name: string): string {
    return kind.startsWith("Cluster") ? `${this.#namespace}-${name}` : name;
  }
}

/** The subject with the namespace in its names. */
export const ofNamespace = (subject: Subject, namespace: string): Subject => ({
  ...subject,
  name: subject.name.replace(NAMESPACE, namespace),
  ...(subject.namespace !== undefined && { namespace: subject.namespace.replace(NAMESPACE, namespace) }),
});
