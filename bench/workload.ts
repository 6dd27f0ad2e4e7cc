import type { Cluster } from "@pcmc/devcluster";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";

/** The namespace of the benchmark's Pods. */
const NAMESPACE = "bench";
const CORE = `/api/v1/namespaces/${NAMESPACE}`;
const CONFIGS = `/apis/podconfig.example.com/v1alpha1/namespaces/${NAMESPACE}/podconfigmapconfigs`;
/** Path of the ConfigMaps. */
export const CONFIG_MAPS = `${CORE}/configmaps`;
/** The same as etcd has it. */
export const STORED_CONFIG_MAPS = `configmaps/${NAMESPACE}/`;

/** A Pod of about 6 KB as the API server stores it, managedFields included: what a small service looks like. */
const pod = (i: number) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: podName(i),
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
const inParallel = async (count: number, width: number, work: (i: number) => Promise<unknown>): Promise<void> => {
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < count; i = next++) await work(i);
  };
  await Promise.all(Array.from({ length: width }, worker));
};

/** Creates the benchmark's Pods. */
export const createPods = (cluster: Cluster, pods: number): Promise<void> =>
  inParallel(pods, 16, (i) => cluster.request("POST", `${CORE}/pods`, pod(i)));

/** The same Pods, of no node: where controllers run, they collect those of a node that is not there. */
export const createUnscheduledPods = (cluster: Cluster, pods: number): Promise<void> =>
  inParallel(pods, 16, (i) => {
    const { spec, ...rest } = pod(i);
    const { nodeName: _, ...unbound } = spec;
    return cluster.request("POST", `${CORE}/pods`, { ...rest, spec: { ...unbound, schedulerName: "none" } });
  });

/** The name of the Pod `i`. */
export const podName = (i: number): string => `web-${String(i).padStart(5, "0")}`;

export const createNamespace = (cluster: Cluster): Promise<unknown> =>
  cluster.request("POST", "/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: NAMESPACE },
  });

/** Creates the one PodConfigMapConfig, which selects all Pods. */
export const createConfig = (cluster: Cluster): Promise<unknown> => cluster.request("POST", CONFIGS, config);

/** Deletes it, if it is there. */
export const deleteConfig = (cluster: Cluster): Promise<unknown> => cluster.request("DELETE", CONFIGS);

/** Changes a Pod's annotation that is copied into its ConfigMap, where it is the data key `TEAM_KEY`. */
export const setTeam = (cluster: Cluster, pod: string, team: string): Promise<unknown> =>
  cluster.request(
    "PATCH",
    `${CORE}/pods/${pod}`,
    { metadata: { annotations: { team } } },
    { contentType: "application/merge-patch+json" },
  );

export const TEAM_KEY = "annotation_team";

/** The generated ConfigMaps as request bodies: what the raw driver sends is what the manager sent. */
export const configMapBodies = async (cluster: Cluster): Promise<string[]> => {
  const { items } = await cluster.request<{ items: ConfigMap[] }>("GET", CONFIG_MAPS);
  return items.map(({ metadata: { name, namespace, labels, annotations, ownerReferences } = {}, data }) => {
    const metadata = { name, namespace, labels, annotations, ownerReferences };
    return JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata, data });
  });
};

/** Deletes all ConfigMaps. */
export const deleteConfigMaps = (cluster: Cluster): Promise<unknown> => cluster.request("DELETE", CONFIG_MAPS);
