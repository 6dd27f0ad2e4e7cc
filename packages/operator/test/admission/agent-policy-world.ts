import { request as httpsRequest } from "node:https";
import { fileURLToPath } from "node:url";
import type { Cluster } from "@pcmc/devcluster";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { EBPF_READY } from "../../src/ebpf/condition.ts";
import { AGENT } from "../../src/rbac/names.ts";
import { eventually } from "../integration/support/eventually.ts";

export const PODS = "/api/v1/namespaces/default/pods";
const MANIFEST = fileURLToPath(new URL("../../../../manifests/agent.yaml", import.meta.url));

/** The API server's answer to a request. */
export interface Answer {
  readonly code: number;
  readonly body: Pod & { readonly message?: string };
}

/** How somebody shows who they are. */
export type Credentials = { readonly token: string } | { readonly certPem: string; readonly keyPem: string };

/** Somebody who sends what they like. */
export class Sender {
  readonly #cluster: Cluster;
  readonly #credentials: Credentials;

  constructor(cluster: Cluster, credentials: Credentials) {
    this.#cluster = cluster;
    this.#credentials = credentials;
  }

  /** @param pod with its subresource: `web/status`. */
  patch(pod: string, patch: unknown, type = "strategic-merge-patch"): Promise<Answer> {
    return this.send("PATCH", `${PODS}/${pod}`, patch, `application/${type}+json`);
  }

  send(method: string, path: string, body?: unknown, contentType = "application/json"): Promise<Answer> {
    const { server, caPem: ca } = this.#cluster;
    const shown = this.#credentials;
    const bearer = "token" in shown ? { authorization: `Bearer ${shown.token}` } : {};
    const pair = "token" in shown ? {} : { cert: shown.certPem, key: shown.keyPem };
    const options = { method, ca, ...pair, headers: { ...bearer, "content-type": contentType }, agent: false };
    return new Promise((resolve, reject) => {
      const sent = httpsRequest(`${server}${path}`, options, async (response) => {
        const text = (await response.toArray()).join("");
        resolve({ code: response.statusCode ?? 0, body: JSON.parse(text) });
      });
      sent.once("error", reject).end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

/** What an agent writes. */
export const ready = (reason = "Attached") => ({
  status: { conditions: [{ type: EBPF_READY, status: "True", reason, message: "In the kernel: l4_firewall." }] },
});

/** A Pod on a node, or on none, as if a scheduler had put it there; its kubelet has said something. */
export const createPod = async (cluster: Cluster, name: string, nodeName?: string): Promise<Pod> => {
  const metadata = { name, labels: { app: "web" }, annotations: { note: "kept" }, finalizers: ["example.com/kept"] };
  const spec = {
    serviceAccountName: AGENT.name,
    containers: [{ name: "main", image: "example.com/never-pulled" }],
    ...(nodeName && { nodeName }),
  };
  await cluster.request("POST", PODS, { metadata, spec });
  const status = { phase: "Running", podIP: "10.0.0.1", conditions: [{ type: "Ready", status: "True" }] };
  return cluster.request(
    "PATCH",
    `${PODS}/${name}/status`,
    { status },
    { contentType: "application/merge-patch+json" },
  );
};

/** A token of the agent's ServiceAccount, in the Pod's namespace: bound to the Pod as the kubelet's are, or to nothing. */
export const tokenUser = async (cluster: Cluster, bound?: Pod): Promise<Sender> => {
  const { name, uid, namespace = "default" } = bound?.metadata ?? {};
  const spec = bound && { boundObjectRef: { kind: "Pod", apiVersion: "v1", name, uid } };
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${AGENT.name}/token`;
  const { status } = await cluster.request<{ status: { token: string } }>("POST", path, { spec: spec ?? {} });
  return new Sender(cluster, status);
};

/** The agent of a node as it is where it was installed in another namespace than the manifest's: account, role and Pod. */
export const agentElsewhere = async (cluster: Cluster, namespace: string, nodeName: string): Promise<Sender> => {
  await cluster.request("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  const below = `/api/v1/namespaces/${namespace}`;
  await cluster.request("POST", `${below}/serviceaccounts`, { metadata: { name: AGENT.name } });
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: AGENT.name };
  const subjects = [{ kind: "ServiceAccount", name: AGENT.name, namespace }];
  const path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
  await cluster.request("POST", path, { metadata: { name: namespace }, roleRef, subjects });
  const spec = {
    nodeName,
    serviceAccountName: AGENT.name,
    containers: [{ name: "agent", image: "example.com/agent" }],
  };
  const user = await tokenUser(
    cluster,
    await cluster.request("POST", `${below}/pods`, { metadata: { name: "agent" }, spec }),
  );
  await eventually("RBAC lets it read", async () => (await user.send("GET", PODS)).code === 200 || undefined);
  return user;
};

/** Applies manifests/agent.yaml, and waits until its policy refuses what it should: the API server takes a while to learn of it. */
export const applyAgent = async (cluster: Cluster): Promise<void> => {
  const applied = await cluster.kubectl(["apply", "--server-side", "--filename", MANIFEST]);
  if (applied.exitCode !== 0) throw new Error(applied.stderr);
  await createPod(cluster, "probe");
  const user = await tokenUser(cluster);
  await eventually(
    "the policy is in force",
    async () => (await user.patch("probe/status", ready())).code === 403 || undefined,
  );
  await eventually("RBAC lets the agent read", async () => (await user.send("GET", PODS)).code === 200 || undefined);
  await eventually("it is the policy that refuses", async () => {
    const { body } = await user.patch("probe/status", ready());
    return body.message?.includes("ValidatingAdmissionPolicy");
  });
};
