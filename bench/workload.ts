import type { Cluster } from "@pcmc/devcluster";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";

/** The namespace of the benchmark's Pods. */
export const NAMESPACE = "bench";

/** A Pod of about 6 KB as the API server stores it, managedFields included: what a small service looks like. */
const pod = (i: number) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: `web-${String(i).padStart(5, "0")}`,
    labels: {
      app: "web",
      "app.kubernetes.io/name": "web",
      "app.kubernetes.io/version": "1.2.3",
      tier: i % 2 === 0 ? "front" : "back",
    },
    annotations: { team: "checkout", "example.com/build": `build-${i}` },
  },
  spec: {
    nodeName: `node-${i % 100}`,
    serviceAccountName: "default",
    automountServiceAccountToken: false,
    containers: ["app", "proxy"].map((name) => ({
      name,
      image: `registry.example.com/${name}:1.2.3`,
      args: ["--config=/etc/app/config.yaml", "--listen=:8080", "--log-level=info"],
      ports: [{ name: `${name}-http`, containerPort: 8080 }],
      env: Array.from({ length: 12 }, (_, k) => ({ name: `SETTING_${k}`, value: `value ${k} of ${name} in pod ${i}` })),
      resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { cpu: "1", memory: "512Mi" } },
      readinessProbe: { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 5 },
      volumeMounts: [{ name: "config", mountPath: "/etc/app" }],
    })),
    volumes: [{ name: "config", emptyDir: {} }],
  },
});

const config = {
  apiVersion: "podconfig.example.com/v1alpha1",
  kind: "PodConfigMapConfig",
  metadata: { name: "web" },
  spec: {
    podSelector: { matchLabels: { app: "web" } },
    labelsToInclude: ["app", "app.kubernetes.io/name", "app.kubernetes.io/version", "tier"],
    annotationsToInclude: ["team", "example.com/build"],
  },
};

/** Runs `work(i)` for i in [0, count), `width` at a time. */
export const inParallel = async (
  count: number,
  width: number,
  work: (i: number) => Promise<unknown>,
): Promise<void> => {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) await work(i);
  };
  await Promise.all(Array.from({ length: width }, worker));
};

/** Fills a cluster with the namespace, `pods` Pods and one PodConfigMapConfig. */
export const createWorkload = async (cluster: Cluster, pods: number): Promise<void> => {
  await createNamespace(cluster, NAMESPACE);
  await inParallel(pods, 16, (i) => cluster.request("POST", `/api/v1/namespaces/${NAMESPACE}/pods`, pod(i)));
  const path = `/apis/podconfig.example.com/v1alpha1/namespaces/${NAMESPACE}/podconfigmapconfigs`;
  await cluster.request("POST", path, config);
};

export const createNamespace = (cluster: Cluster, name: string): Promise<unknown> =>
  cluster.request("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });

interface ListAnswer<T> {
  readonly metadata: { readonly remainingItemCount?: number };
  readonly items: readonly T[];
}

/** How many ConfigMaps a namespace has, without reading them. */
export const countConfigMaps = async (cluster: Cluster, namespace: string): Promise<number> => {
  const list = await cluster.request<ListAnswer<unknown>>("GET", `/api/v1/namespaces/${namespace}/configmaps?limit=1`);
  return list.items.length + (list.metadata.remainingItemCount ?? 0);
};

/** The generated ConfigMaps as request bodies: what the raw driver sends is what the manager wrote. */
export const configMapBodies = async (cluster: Cluster, namespace: string): Promise<string[]> => {
  const path = `/api/v1/namespaces/${NAMESPACE}/configmaps`;
  const { items } = await cluster.request<ListAnswer<ConfigMap>>("GET", path);
  return items.map(({ metadata: { name, labels, ownerReferences } = {}, data }) => {
    const metadata = { name, namespace, labels, ownerReferences };
    return JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata, data });
  });
};

/** Removes all ConfigMaps of a namespace. */
export const deleteConfigMaps = async (cluster: Cluster, namespace: string): Promise<void> => {
  await cluster.request("DELETE", `/api/v1/namespaces/${namespace}/configmaps`);
  while ((await countConfigMaps(cluster, namespace)) > 0) await new Promise((resolve) => setTimeout(resolve, 100));
};
