import { setTimeout as pause } from "node:timers/promises";
import type { Cluster } from "@pcmc/devcluster";

const CONTAINERS = [{ name: "main", image: "example.com/never-pulled" }];
const INJECT = "watch.example.com/inject";

/** Where a scene plays. */
export interface Stage {
  readonly cluster: Cluster;
  readonly namespace: string;
}

const post = async ({ cluster, namespace }: Stage, plural: string, object: object): Promise<void> => {
  const roots: Readonly<Record<string, string>> = {
    pods: "/api/v1",
    deployments: "/apis/apps/v1",
    roles: "/apis/rbac.authorization.k8s.io/v1",
    watchers: "/apis/watch.example.com/v1alpha1",
    podconfigmapconfigs: "/apis/podconfig.example.com/v1alpha1",
  };
  await cluster.request("POST", `${roots[plural]}/namespaces/${namespace}/${plural}`, object);
};

/** A Pod of the scene; `watcher` is the one that it asks for. */
export const createPod = (stage: Stage, name: string, watcher?: string): Promise<void> => {
  const annotations = watcher === undefined ? {} : { [INJECT]: watcher };
  return post(stage, "pods", {
    metadata: { name, labels: { app: "shop" }, annotations },
    spec: { containers: CONTAINERS },
  });
};

const createConfig = (stage: Stage, name: string, spec: object): Promise<void> =>
  post(stage, "podconfigmapconfigs", {
    apiVersion: "podconfig.example.com/v1alpha1",
    kind: "PodConfigMapConfig",
    metadata: { name },
    spec,
  });

/** A Deployment whose logs are to be readable. */
const createDeployment = (stage: Stage, name: string, replicas: number): Promise<void> => {
  const labels = { app: name };
  const metadata = { labels: { ...labels, "podlogreader-affiliate": "enable" } };
  const spec = {
    replicas,
    selector: { matchLabels: labels },
    template: { metadata, spec: { containers: CONTAINERS } },
  };
  return post(stage, "deployments", { metadata: { name }, spec });
};

/**
 * What there is before the operator: Pods, of which one asks for a Watcher that is not there yet, and so is missed; a
 * PodConfigMapConfig that all is well with, and one whose template fails; a Role of somebody in the place of one of ours.
 */
export const prepare = async (stage: Stage): Promise<void> => {
  await createPod(stage, "early", "logs");
  await createPod(stage, "web");
  await createConfig(stage, "app", { labelsToInclude: ["app"], configMapDataTemplate: { name: "{{ .podName }}" } });
  await createConfig(stage, "broken", { configMapDataTemplate: { name: '{{ fail "on purpose" }}' } });
  await post(stage, "roles", { metadata: { name: "podlogreader-taken" }, rules: [] });
};

/** What is asked of the operator once it runs: a sidecar, and readers of logs. */
export const play = async (stage: Stage): Promise<void> => {
  await post(stage, "watchers", {
    apiVersion: "watch.example.com/v1alpha1",
    kind: "Watcher",
    metadata: { name: "logs" },
    spec: { container: { name: "log-agent", image: "example.com/log-agent:1" }, configData: { LEVEL: "info" } },
  });
  await createDeployment(stage, "reader", 2);
  await createDeployment(stage, "taken", 1);
};

const MERGE = { contentType: "application/merge-patch+json" };

const patch = async ({ cluster, namespace }: Stage, path: string, change: object): Promise<void> => {
  const [root, plural, name] = path.split(" ");
  await cluster.request("PATCH", `${root}/namespaces/${namespace}/${plural}/${name}`, change, MERGE);
};

/** Milliseconds between two rounds. */
const ROUND = 500;
/** Rounds between two changes of a spec. */
const SPEC_ROUNDS = 8;

/** Pods of a node that is not there are taken away after 40 s: kube-controller-manager thinks that they are left over. */
export const registerNode = (cluster: Cluster, name: string): Promise<unknown> =>
  cluster.request("POST", "/api/v1/nodes", { metadata: { name } });

const changeSpecs = async (stage: Stage, round: number): Promise<void> => {
  const labelsToInclude = ["app", `tier-${round}`];
  await patch(stage, "/apis/podconfig.example.com/v1alpha1 podconfigmapconfigs app", { spec: { labelsToInclude } });
  const configData = { LEVEL: `level-${round}` };
  await patch(stage, "/apis/watch.example.com/v1alpha1 watchers logs", { spec: { configData } });
};

/** What goes on in a cluster, so that rates are not 0: Pods come, specs change, a Deployment is scaled. Until `signal` aborts. */
export const keepBusy = async (stage: Stage, signal: AbortSignal): Promise<void> => {
  for (let round = 0; !signal.aborted; round += 1) {
    await createPod(stage, `busy-${round}`, "logs");
    await patch(stage, "/apis/apps/v1 deployments reader", { spec: { replicas: 2 + (round % 2) } });
    if (round % SPEC_ROUNDS === 1) await changeSpecs(stage, round);
    await pause(ROUND, undefined, { signal }).catch(() => {});
  }
};
