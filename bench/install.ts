/*
 * How long somebody waits who installs the chart: from `helm install` on a real node, which has the images, to the first
 * ConfigMap, with a Pod and a PodConfigMapConfig applied as soon as the definitions are there. Linux and root; needs `make image`.
 * `make bench-image` runs it.
 *
 *   node bench/install.ts [--rounds 3] [--json]
 */
import { parseArgs } from "node:util";
import { type RealCluster, startCluster } from "@pcmc/devcluster";
import { CHART, Helm } from "../e2e/support/helm.ts";
import { buildBusybox, ensureImages } from "../e2e/support/images.ts";
import { apply, kubectl, waitFor } from "../e2e/support/kubectl.ts";
import { shell } from "../e2e/support/objects.ts";
import { until } from "../e2e/support/until.ts";
import { atMost, type Figure, report, told } from "./figure.ts";
import { median, range } from "./statistics.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, json: { type: "boolean", default: false } },
});
const rounds = Number(values.rounds);

/** Seconds. */
const MOST_SECONDS = 30;
const RELEASE = "pcmc";
const CONFIG_MAP = "/api/v1/namespaces/default/configmaps/pod-web-from-first-cfg";
const CONFIG = {
  apiVersion: "podconfig.example.com/v1alpha1",
  kind: "PodConfigMapConfig",
  metadata: { name: "first", namespace: "default" },
  spec: { labelsToInclude: ["app"] },
};

interface Round {
  /** Seconds until the ConfigMap was there, and until helm said that all Pods are ready. */
  readonly configMap: number;
  readonly ready: number;
}

const seconds = (since: number): number => (performance.now() - since) / 1_000;

/** Installs everything, agents too, and removes it again. */
const round = async (cluster: RealCluster, helm: Helm): Promise<Round> => {
  const start = performance.now();
  const installed = helm
    .run("install", RELEASE, CHART, "--set=agent.enabled=true", "--wait")
    .then(() => seconds(start));
  const user = until("the definitions are there", () => apply(cluster, CONFIG)).then(async () => {
    await until("the ConfigMap is there", () => cluster.request<object>("GET", CONFIG_MAP));
    return seconds(start);
  });
  const [ready, configMap] = await Promise.all([installed, user]);
  await helm.run("uninstall", RELEASE);
  await kubectl(cluster, ["delete", "-f", "-"], { input: JSON.stringify(CONFIG) });
  await kubectl(cluster, ["delete", "configmap", "pod-web-from-first-cfg"]);
  await kubectl(cluster, ["delete", "crd", "podconfigmapconfigs.podconfig.example.com", "watchers.watch.example.com"]);
  return { configMap, ready };
};

const measureAll = async (): Promise<readonly Figure[]> => {
  await using cluster = await startCluster({ node: "real" });
  using helm = new Helm(cluster);
  await ensureImages(cluster);
  await buildBusybox(cluster);
  const spec = { terminationGracePeriodSeconds: 0, containers: [shell("main", "exec sleep 100000")] };
  await apply(cluster, { apiVersion: "v1", kind: "Pod", metadata: { name: "web", labels: { app: "web" } }, spec });
  await waitFor(cluster, "pod/web", "condition=Ready");
  const measured: Round[] = [];
  for (let i = 0; i < rounds; i++) {
    measured.push(await round(cluster, helm));
    process.stderr.write(`  ${measured.at(-1)?.configMap.toFixed(2)} s to the ConfigMap\n`);
  }
  const configMap = measured.map((one) => one.configMap);
  return [
    told("helm install to the first ConfigMap, median", median(configMap), "s"),
    atMost(`helm install to the first ConfigMap, slowest of ${rounds}`, range(configMap)[1], MOST_SECONDS, "s"),
    told("helm install to all Pods ready, median", median(measured.map(({ ready }) => ready)), "s"),
  ];
};

report(await measureAll(), values);
