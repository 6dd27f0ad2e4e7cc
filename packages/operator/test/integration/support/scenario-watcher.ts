import type { Cluster } from "@pcmc/devcluster";
import type { ConfigMap, Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../../../src/api/watcher.ts";
import { eventually } from "./eventually.ts";
import type { Namespace } from "./namespace.ts";

const MERGE = { contentType: "application/merge-patch+json" };
const IMAGE = "example.com/never-pulled";
const INJECT = { "watch.example.com/inject": "logs" };
const WORKLOADS = ["deployments", "statefulsets", "daemonsets"] as const;

/** Where things of one namespace are, by their API. */
const pathsIn = ({ name }: Namespace) => {
  const at = (root: string) => (path: string) => `${root}/namespaces/${name}/${path}`;
  return { watchers: at("/apis/watch.example.com/v1alpha1"), core: at("/api/v1"), apps: at("/apis/apps/v1") };
};

const createWatcher = (cluster: Cluster, namespace: Namespace, name: string): Promise<Watcher> =>
  cluster.request("POST", pathsIn(namespace).watchers("watchers"), {
    apiVersion: "watch.example.com/v1alpha1",
    kind: "Watcher",
    metadata: { name },
    spec: { container: { name: `${name}-agent`, image: IMAGE }, configData: { MODE: "first" }, rollout: "OnChange" },
  });

/** What is there before the manager starts: a Pod that came too soon, and a ConfigMap of somebody in the place of one of ours. */
export const prepareWatcher = async (cluster: Cluster, namespace: Namespace): Promise<void> => {
  await createWatcher(cluster, namespace, "logs");
  await createWatcher(cluster, namespace, "taken");
  await namespace.create("configmaps", { metadata: { name: "taken-config" } });
  await namespace.createPod("early", { annotations: INJECT });
};

/** All that the controller of Watchers does, and the webhook that injects: for each kind of workload, a roll included. */
export const exerciseWatcher = async (cluster: Cluster, namespace: Namespace): Promise<void> => {
  const { watchers, core } = pathsIn(namespace);
  const path = watchers("watchers/logs");
  const status = async () => (await cluster.request<Watcher>("GET", path)).status;
  await eventually("the Pod that came too soon is told of", async () => (await status())?.missed === 1);
  const mode = async () => (await cluster.request<ConfigMap>("GET", core("configmaps/logs-config"))).data?.MODE;
  await cluster.request("PATCH", core("configmaps/logs-config"), { data: { MODE: "edited" } }, MERGE);
  await eventually("the managed ConfigMap is repaired", async () => (await mode()) === "first");
  for (const kind of WORKLOADS) await createWorkload(cluster, namespace, kind);
  await eventually("every workload has the sidecar", async () => (await status())?.injected === WORKLOADS.length);
  await cluster.request("PATCH", path, { spec: { configData: { MODE: "second" } } }, MERGE);
  const restarted = async () => {
    const { items } = await cluster.request<{ items: readonly Pod[] }>("GET", core("pods"));
    const pods = items.filter(({ metadata }) => metadata?.annotations?.["watch.example.com/restarted-for"]);
    return pods.length === WORKLOADS.length && (await status())?.outdated === 0;
  };
  await eventually("every workload has been restarted", restarted, { deadline: 60_000 });
};

const createWorkload = async (
  cluster: Cluster,
  namespace: Namespace,
  kind: (typeof WORKLOADS)[number],
): Promise<void> => {
  const labels = { app: kind };
  const template = {
    metadata: { labels, annotations: INJECT },
    spec: { containers: [{ name: "main", image: IMAGE }] },
  };
  const spec = {
    selector: { matchLabels: labels },
    template,
    ...(kind !== "daemonsets" && { replicas: 1 }),
    ...(kind === "statefulsets" && { serviceName: "none" }),
  };
  await cluster.request("POST", pathsIn(namespace).apps(kind), { metadata: { name: `web-${kind}` }, spec });
};

/** A Watcher is made anew under its name before what it left has been collected. */
export const replaceWatcher = async (cluster: Cluster, namespace: Namespace): Promise<void> => {
  const { watchers, core } = pathsIn(namespace);
  const uid = async () => (await cluster.request<ConfigMap>("GET", core("configmaps/logs-config"))).metadata?.uid;
  const former = await uid();
  await cluster.kill("kube-controller-manager", "SIGSTOP");
  try {
    await cluster.request("DELETE", watchers("watchers/logs"));
    await createWatcher(cluster, namespace, "logs");
    await eventually("the managed ConfigMap is made anew", async () => (await uid()) !== former);
  } finally {
    await cluster.kill("kube-controller-manager", "SIGCONT");
  }
};
