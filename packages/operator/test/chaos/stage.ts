import { readFileSync } from "node:fs";
import { type Cluster, startCluster, type UserCredentials } from "@pcmc/devcluster";
import { parseAllDocuments } from "yaml";
import { committedDefinition, install } from "../integration/support/definition.ts";
import { eventually } from "../integration/support/eventually.ts";
import { Namespace } from "../integration/support/namespace.ts";
import type { ReplicaOptions } from "./replica.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const USER = "chaos-manager";
const SUBJECTS = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: USER }];

/** The parts of manifests/rbac.yaml that are for what runs here. */
const COMPONENTS = new Set(["manager", "podconfigmap"]);

/** The rules that users give to the manager: what it does beside them is refused, and shows. */
const shippedRules = (kind: "ClusterRole" | "Role"): readonly object[] => {
  const documents = parseAllDocuments(
    readFileSync(new URL("../../../../manifests/rbac.yaml", import.meta.url), "utf8"),
  );
  const roles = documents
    .map((document) => document.toJSON())
    .filter((object) => object.kind === kind && COMPONENTS.has(object.metadata.labels["app.kubernetes.io/component"]));
  const rules = roles.flatMap((role) => role.rules);
  if (rules.length === 0) throw new Error(`manifests/rbac.yaml has no ${kind} for ${[...COMPONENTS].join(" and ")}`);
  return rules;
};

/** A cluster on which stories are played, one after the other, each in a namespace of its own. */
export class Stage implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly #user: UserCredentials;
  #namespaces = 0;

  private constructor(cluster: Cluster, user: UserCredentials) {
    this.cluster = cluster;
    this.#user = user;
  }

  static async open(): Promise<Stage> {
    const cluster = await startCluster();
    await install(cluster, committedDefinition());
    const rules = shippedRules("ClusterRole");
    await cluster.request("POST", `${RBAC}/clusterroles`, { metadata: { name: USER }, rules });
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: USER };
    await cluster.request("POST", `${RBAC}/clusterrolebindings`, {
      metadata: { name: USER },
      roleRef,
      subjects: SUBJECTS,
    });
    return new Stage(cluster, await cluster.addUser({ name: USER }));
  }

  /** Where the managers' proxies go, and as whom. */
  get target(): ReplicaOptions["target"] {
    const { server, caPem } = this.cluster;
    return { server, caPem, certPem: this.#user.certPem, keyPem: this.#user.keyPem };
  }

  /** A new namespace, ready for Pods and for the managers' Lease. */
  async namespace(): Promise<Namespace> {
    const name = `chaos-${++this.#namespaces}`;
    await this.cluster.request("POST", "/api/v1/namespaces", { metadata: { name } });
    // Pods need it; kube-controller-manager makes it too, but later.
    await this.cluster
      .request("POST", `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: "default" } })
      .catch(() => {});
    const rules = shippedRules("Role");
    const roles = `${RBAC}/namespaces/${name}`;
    await this.cluster.request("POST", `${roles}/roles`, { metadata: { name: USER }, rules });
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: USER };
    const binding = { metadata: { name: USER }, roleRef, subjects: SUBJECTS };
    await this.cluster.request("POST", `${roles}/rolebindings`, binding);
    return new Namespace(this.cluster, name);
  }

  /** Starts whatever was left dead, and waits until writes are taken again. */
  async repair(): Promise<void> {
    const running = await this.cluster.pids();
    for (const component of ["etcd", "kube-apiserver"] as const) {
      if (running[component] === undefined) await this.cluster.start(component);
    }
    const labels = { metadata: { labels: { "example.com/repaired": String(Date.now()) } } };
    const merge = { contentType: "application/merge-patch+json" };
    await eventually("the API server takes writes", async () => {
      await this.cluster.request("PATCH", "/api/v1/namespaces/default", labels, merge);
      return true;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.stop();
  }
}
