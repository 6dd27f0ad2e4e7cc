import { Client } from "@pcmc/controller-runtime";
import { type Cluster, startCluster } from "@pcmc/devcluster";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import {
  createNamespace,
  installDefinitions,
  podsIn,
  storeWatcher,
} from "../packages/operator/test/admission/injection-support.ts";
import { eventually } from "../packages/operator/test/integration/support/eventually.ts";
import { fixedConfig } from "../packages/operator/test/integration/support/manager.ts";
import { inSecret, startWebhook } from "../packages/operator/test/integration/support/webhook-process.ts";
import { watcher } from "../packages/operator/test/watcher/injection-fixtures.ts";
import { percentile } from "./statistics.ts";
import { atSteadyRate, sentAt } from "./steady-rate.ts";
import { type Answered, answered, shareBetween } from "./webhook-clock.ts";

/** Watchers of the namespace, each with a selector to be looked at for each Pod; two of them select a Pod of the bench. */
const WATCHERS = 20;
const SELECTED = 2;
const NAMESPACE = "default";
/** Without Watchers: whose Pods no controller has to tell of as missed while others are measured. */
const ELSEWHERE = "elsewhere";
/** None that would turn some off. */
const ALL_CONTROLLERS: string[] = [];
const PATH = "/inject/pods";
const INJECTED = "watch.example.com/injected";

const watchers = Array.from({ length: WATCHERS }, (_, n) =>
  watcher(`watcher-${n}`, {
    container: {
      name: `sidecar-${n}`,
      image: `registry.example.com/sidecar-${n}:1.2.3`,
      args: ["--listen", `:${9000 + n}`],
      resources: { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "64Mi" } },
      volumeMounts: [{ name: `spool-${n}`, mountPath: "/var/spool" }],
    },
    volume: { name: `spool-${n}`, emptyDir: {} },
    podSelector: { matchLabels: { group: n < SELECTED ? "web" : `group-${n}` } },
    configData: { LEVEL: "info" },
  }),
);

/** A Pod of 4 KB, as Deployments make them. */
const podOf = (n: number, namespace = NAMESPACE): Pod => ({
  metadata: {
    name: `pod-${n}`,
    namespace,
    labels: { app: `app-${n % 50}`, group: "web", "pod-template-hash": "5d9c7b8f6c" },
    annotations: { "checksum/config": "0".repeat(64) },
  },
  spec: {
    containers: ["app", "worker"].map((name) => ({
      name,
      image: `registry.example.com/${name}:2026.11.21`,
      env: Array.from({ length: 20 }, (_, i) => ({ name: `SETTING_${i}`, value: `value ${i} of a setting` })),
      readinessProbe: { httpGet: { path: "/healthz", port: 8080 } },
      resources: { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } },
    })),
  },
});

const reviewOf = (n: number): string =>
  JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: `uid-${n}`,
      kind: { group: "", version: "v1", kind: "Pod" },
      resource: { group: "", version: "v1", resource: "pods" },
      name: `pod-${n}`,
      namespace: NAMESPACE,
      operation: "CREATE",
      userInfo: { username: "system:serviceaccount:kube-system:replicaset-controller", groups: [] },
      object: podOf(n),
    },
  });

export interface InjectionLoad {
  /** Pods a second. */
  readonly rate: number;
  readonly seconds: number;
}

interface Place {
  /** The number of the first Pod. */
  readonly from: number;
  readonly namespace?: string;
}

/** Creates Pods at a steady rate, whether or not those before are done. @returns milliseconds of each, and how many failed. */
const create = async (client: Client, { rate, seconds }: InjectionLoad, { from, namespace = NAMESPACE }: Place) => {
  let failures = 0;
  const ask = async (n: number): Promise<number> => {
    const start = performance.now();
    await client.raw("POST", podsIn(namespace), { body: podOf(n, namespace), retries: 0 }).catch(() => {
      failures += 1;
    });
    return performance.now() - start;
  };
  const asked: Promise<number>[] = [];
  const start = performance.now();
  for (let i = 0; i < rate * seconds; i++) {
    const wait = start + (i / rate) * 1_000 - performance.now();
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    asked.push(ask(from + i));
  }
  const latencies = await Promise.all(asked);
  return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), failures };
};

const countInjected = async (cluster: Cluster): Promise<number> => {
  const { items } = await cluster.request<{ items: Pod[] }>("GET", podsIn(NAMESPACE));
  return items.filter(({ metadata }) => metadata?.annotations?.[INJECTED] !== undefined).length;
};

/**
 * The manager as users run it, beside a real API server: reviews sent to it as that API server would, then Pods created through
 * the API server without the webhook, with it, and with nobody behind it.
 */
export const measureInjection = async (load: InjectionLoad) => {
  const { rate, seconds } = load;
  await using cluster = await startCluster({ controllerManager: false, scheduler: false });
  await installDefinitions(cluster);
  await createNamespace(cluster, ELSEWHERE);
  for (const each of watchers) await storeWatcher(cluster, NAMESPACE, each);
  const client = new Client(fixedConfig(cluster), { connections: 32 });
  try {
    await create(client, { rate, seconds: 3 }, { from: 0, namespace: ELSEWHERE });
    const without = await create(client, load, { from: 100_000, namespace: ELSEWHERE });
    await using running = await startWebhook(cluster, {}, ALL_CONTROLLERS);
    await running.manager.ready();
    await eventually("Pods are injected", async () => {
      const path = `${podsIn(NAMESPACE)}?dryRun=All`;
      const { metadata } = await cluster.request<Pod>("POST", path, podOf(1_000_000));
      return metadata?.annotations?.[INJECTED]?.split(",").length === SELECTED;
    });
    let atFirst: Answered | undefined;
    const review = await atSteadyRate({
      port: running.port,
      ca: await inSecret(cluster, "ca.crt"),
      path: `${PATH}?timeout=3s`,
      reviews: Array.from({ length: sentAt(rate, seconds) }, (_, n) => reviewOf(n)),
      rate,
      seconds,
      isRight: (answer) => answer.includes('"patch":'),
      onWarm: async () => {
        atFirst = await answered(running.manager, PATH);
      },
    });
    const afterReviews = await answered(running.manager, PATH);
    const before = await countInjected(cluster);
    const withWebhook = await create(client, load, { from: 200_000 });
    const missed = rate * seconds - ((await countInjected(cluster)) - before);
    const afterPods = await answered(running.manager, PATH);
    const within = shareBetween(atFirst, afterReviews);
    const withinPods = shareBetween(afterReviews, afterPods);
    await running.manager.stop();
    const down = await create(client, load, { from: 300_000 });
    return { review, within, withinPods, without, withWebhook, missed, down };
  } finally {
    await client.close();
  }
};
