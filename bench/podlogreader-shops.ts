import type { Cluster } from "@pcmc/devcluster";
import type { Role } from "kubernetes-types/rbac/v1.d.ts";

const NAMESPACES = 10;
const MERGE = { contentType: "application/merge-patch+json" };
/** Requests that the driver has under way: what plays the Deployments' controllers must be faster than what is measured. */
const WIDTH = 16;

/** A Deployment that this driver plays the controllers of: with 10,000 Pods Kubernetes' own would have both cores. */
interface Played {
  readonly namespace: string;
  readonly name: string;
  readonly replicaSetUid: string;
  /** Names of its Pods. */
  readonly pods: Set<string>;
  made: number;
  /** Of its spec. */
  generation: number;
}

/** A Pod that is gone. */
export interface Evicted {
  /** Path of the Role that named it. */
  readonly role: string;
  readonly pod: string;
  /** When the API server had removed it (`performance.now()`). */
  readonly at: number;
  /** Makes another one: the Deployment is done again. */
  replace(): Promise<void>;
}

/** The benchmark's Deployments, in ten namespaces. */
export class Shops {
  readonly #cluster: Cluster;
  readonly #deployments: Played[] = [];
  readonly #scalings: { readonly began: number; ended: number }[] = [];

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get pods(): number {
    return this.#deployments.reduce((sum, { pods }) => sum + pods.size, 0);
  }

  /** Creates labelled Deployments, each with its ReplicaSet and so many Pods, and says that they are done. */
  async open(deployments: number, pods: number): Promise<void> {
    for (let i = 0; i < NAMESPACES; i++) {
      await this.#cluster.request("POST", "/api/v1/namespaces", { metadata: { name: namespaceOf(i) } });
    }
    await inParallel(
      Array.from({ length: deployments }, (_, i) => i),
      (i) => this.#deploy(i),
    );
    await this.scaleAll(() => pods);
  }

  /** Scales all, in the order of `shuffled`, as the Deployments' controllers would: rolling, Pods, done. */
  async scaleAll(replicas: () => number, shuffle: <T>(items: readonly T[]) => readonly T[] = (items) => items) {
    await inParallel(shuffle(this.#deployments), (played) => this.#scale(played, replicas()));
  }

  /**
   * Removes a Pod of a Deployment, as if it were evicted, and says as its controller would that one is missing.
   *
   * @returns which; `undefined` = it has none.
   */
  async evict(index: number): Promise<Evicted | undefined> {
    const played = this.#deployments[index];
    const [pod] = played?.pods ?? [];
    if (played === undefined || pod === undefined) return undefined;
    const replicas = played.pods.size;
    await this.#removePod(played, pod);
    const at = performance.now();
    await this.#setStatus(played, replicas - 1);
    const replace = async () => {
      await this.#createPod(played);
      await this.#setStatus(played, replicas);
    };
    return { role: rolePath(played), pod, at, replace };
  }

  /** How many scalings were under way at any time from `from` to `to` (`performance.now()`). */
  scalingsIn(from: number, to: number): number {
    return this.#scalings.filter(({ began, ended }) => began <= to && ended >= from).length;
  }

  /** How many Roles do not name exactly the Pods of their Deployment. */
  async wrongRoles(): Promise<number> {
    const { items } = await this.#cluster.request<{ items: Role[] }>("GET", `${RBAC}/roles?labelSelector=${OURS}`);
    const named = new Map(items.map((role) => [`${role.metadata?.namespace}/${role.metadata?.name}`, namesIn(role)]));
    return this.#deployments.filter(({ namespace, name, pods }) => {
      const names = named.get(`${namespace}/podlogreader-${name}`);
      return names === undefined || names.length !== pods.size || names.some((pod) => !pods.has(pod));
    }).length;
  }

  async #deploy(i: number): Promise<void> {
    const [namespace, name] = [namespaceOf(i), `web-${i}`];
    const labels = { app: name, "podlogreader-affiliate": "enable" };
    const template = { metadata: { labels }, spec: { containers } };
    const matchLabels = { app: name };
    const { metadata } = await this.#post(`/apis/apps/v1/namespaces/${namespace}/deployments`, {
      metadata: { name },
      spec: { replicas: 0, selector: { matchLabels }, template },
    });
    const hash = { ...labels, "pod-template-hash": "5d4f8c7b9" };
    const set = await this.#post(`/apis/apps/v1/namespaces/${namespace}/replicasets`, {
      metadata: {
        name: `${name}-5d4f8c7b9`,
        labels: hash,
        ownerReferences: [controller("Deployment", name, metadata.uid)],
      },
      spec: { selector: { matchLabels: hash }, template: { ...template, metadata: { labels: hash } } },
    });
    this.#deployments.push({
      namespace,
      name,
      replicaSetUid: set.metadata.uid,
      pods: new Set(),
      made: 0,
      generation: 1,
    });
  }

  async #scale(played: Played, replicas: number): Promise<void> {
    const scaling = { began: performance.now(), ended: Number.POSITIVE_INFINITY };
    this.#scalings.push(scaling);
    const { metadata } = await this.#cluster.request<{ metadata: { generation: number } }>(
      "PATCH",
      deploymentPath(played),
      { spec: { replicas } },
      MERGE,
    );
    played.generation = metadata.generation;
    while (played.pods.size < replicas) await this.#createPod(played);
    for (const pod of [...played.pods].slice(replicas)) await this.#removePod(played, pod);
    await this.#setStatus(played, replicas);
    scaling.ended = performance.now();
  }

  /** Says that so many Pods are there, updated and available. */
  async #setStatus(played: Played, replicas: number): Promise<void> {
    const counts = { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas };
    const status = { observedGeneration: played.generation, ...counts };
    await this.#cluster.request("PATCH", `${deploymentPath(played)}/status`, { status }, MERGE);
  }

  async #createPod(played: Played): Promise<void> {
    const { namespace, name } = played;
    const pod = `${name}-5d4f8c7b9-${String(played.made++).padStart(5, "0")}`;
    const labels = { app: name, "podlogreader-affiliate": "enable", "pod-template-hash": "5d4f8c7b9" };
    const ownerReferences = [controller("ReplicaSet", `${name}-5d4f8c7b9`, played.replicaSetUid)];
    await this.#post(`/api/v1/namespaces/${namespace}/pods`, {
      metadata: { name: pod, labels, ownerReferences },
      spec: { containers },
    });
    played.pods.add(pod);
  }

  async #removePod(played: Played, pod: string): Promise<void> {
    const path = `/api/v1/namespaces/${played.namespace}/pods/${pod}`;
    await this.#cluster.request("DELETE", path, { gracePeriodSeconds: 0 });
    played.pods.delete(pod);
  }

  #post(path: string, object: object): Promise<{ metadata: { uid: string } }> {
    return this.#cluster.request("POST", path, object);
  }
}

/** The Pods whose logs a Role names. */
export const namesIn = ({ rules }: Role): readonly string[] =>
  rules?.find(({ resources }) => resources?.includes("pods/log"))?.resourceNames ?? [];

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const OURS = "app.kubernetes.io/managed-by%3Dpodconfigmap-controller";

const rolePath = ({ namespace, name }: Played): string => `${RBAC}/namespaces/${namespace}/roles/podlogreader-${name}`;

const deploymentPath = ({ namespace, name }: Played): string =>
  `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;

const namespaceOf = (i: number): string => `shop-${i % NAMESPACES}`;

const controller = (kind: string, name: string, uid: string) => ({
  apiVersion: "apps/v1",
  kind,
  name,
  uid,
  controller: true,
});

/** A Pod of about 6 KB as the API server stores it: what a small service looks like. */
const containers = ["app", "proxy"].map((name) => ({
  name,
  image: `registry.example.com/${name}:1.2.3`,
  args: ["--config=/etc/app/config.yaml", "--listen=:8080", "--log-level=info"],
  ports: [{ name: `${name}-http`, containerPort: 8080 }],
  env: Array.from({ length: 12 }, (_, k) => ({ name: `SETTING_${k}`, value: `value ${k} of ${name}` })),
  resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { cpu: "1", memory: "512Mi" } },
  readinessProbe: { httpGet: { path: "/ready", port: 8080 }, periodSeconds: 5 },
}));

const inParallel = async <T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> => {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: WIDTH }, worker));
};
