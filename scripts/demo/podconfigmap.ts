import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify, styleText } from "node:util";
import type { Cluster } from "@pcmc/devcluster";
import { chapter, eventually, kubectl, path, say, typed } from "./stage.ts";

interface ConfigMap {
  readonly data?: Readonly<Record<string, string>>;
}
interface Pod {
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase?: string };
  readonly metadata: { readonly name: string; readonly labels?: object; readonly annotations?: object };
}

const POD = "web-0";
const CONFIG_MAP = `pod-${POD}-from-web-cfg`;

const configMap = (cluster: Cluster): Promise<ConfigMap> =>
  cluster.request<ConfigMap>("GET", `/api/v1/namespaces/default/configmaps/${CONFIG_MAP}`);

/** Two blocks of lines beside each other. */
const beside = (left: readonly string[], right: readonly string[]): string => {
  const width = Math.max(...left.map((line) => line.length)) + 4;
  const rows = Array.from({ length: Math.max(left.length, right.length) }, (_, i) => [left[i] ?? "", right[i] ?? ""]);
  return rows.map(([a = "", b = ""]) => `  ${a.padEnd(width)}${b}`).join("\n");
};

const entries = (title: string, values: object = {}): string[] => [
  title,
  ...Object.entries(values).map(([key, value]) => `  ${key}: ${value}`),
];

/** Without the copy of the whole manifest that `kubectl apply` leaves. */
const ownAnnotations = ({ metadata: { annotations = {} } }: Pod): object =>
  Object.fromEntries(Object.entries(annotations).filter(([key]) => !key.startsWith("kubectl.kubernetes.io/")));

const showPodBesideConfigMap = async (cluster: Cluster) => {
  const pod = await cluster.request<Pod>("GET", `/api/v1/namespaces/default/pods/${POD}`);
  const { data } = await configMap(cluster);
  const left = [
    `Pod ${POD}`,
    `  node: ${pod.spec.nodeName}`,
    `  phase: ${pod.status.phase}`,
    ...entries("  labels", pod.metadata.labels).map((line, i) => (i === 0 ? line : `  ${line}`)),
    ...entries("  annotations", ownAnnotations(pod)).map((line, i) => (i === 0 ? line : `  ${line}`)),
  ];
  console.log(`\n${beside(left, entries(`ConfigMap ${CONFIG_MAP}`, data))}\n`);
};

/** With a mistake in its first line. */
const TEMPLATE = `  configMapDataTemplate:
    app.conf: |
      tier = {{ get .labels "tier" | upperr }}
      image = {{ (first .spec.containers).image }}
`;

/** What the webhook says of a file that it must refuse. */
const refusal = async (cluster: Cluster, file: string): Promise<string> => {
  // The manager registers its webhook while it starts. Until then the API server would take the file.
  await eventually("the API server asks the webhook", async () => {
    const { stderr } = await cluster.kubectl(["apply", "--dry-run=server", "-f", file]);
    return stderr.includes("upperr") || undefined;
  });
  const { stderr, exitCode } = await cluster.kubectl(["apply", "-f", file]);
  if (exitCode === 0) throw new Error("the mistake was not refused");
  return stderr;
};

const showTemplates = async (cluster: Cluster) => {
  const file = join(cluster.stateDir, "web.yaml");
  const manifest = (await readFile(path("examples/podconfigmapconfig.yaml"), "utf8")) + TEMPLATE;
  await writeFile(file, manifest);
  chapter("Templates make more of a Pod. This one has a mistake, and the API server says where:");
  typed("tail -n 4 web.yaml");
  console.log(TEMPLATE);
  typed("kubectl apply -f web.yaml");
  console.log(await refusal(cluster, file));

  chapter("Mended. What applying it would change, before anything does:");
  await writeFile(file, manifest.replace("upperr", "upper"));
  // The limit is for templates that go wrong: a machine that is busy with all of this is no reason to end.
  typed("pcmc preview -f web.yaml --diff --timeout 60s");
  const color = process.stdout.isTTY && !process.env.NO_COLOR ? "always" : "never";
  const args = [
    "preview",
    "-f",
    file,
    "--kubeconfig",
    cluster.kubeconfig,
    "--diff",
    "--timeout",
    "60s",
    "--color",
    color,
  ];
  console.log((await promisify(execFile)(path("bin/pcmc"), args)).stdout);
  typed("kubectl apply -f web.yaml");
  console.log(await kubectl(cluster, "apply", "-f", file));
  await eventually("the template is in the ConfigMap", async () => (await configMap(cluster)).data?.["app.conf"]);
  say("app.conf is in the ConfigMaps");
};

/** From the examples to ConfigMaps: made, templated, followed, put back, collected. */
export const showPodConfigMaps = async (cluster: Cluster) => {
  chapter("The examples go in: a PodConfigMapConfig, and Pods that it selects.");
  console.log(
    await kubectl(cluster, "apply", "-f", path("examples/podconfigmapconfig.yaml"), "-f", path("examples/pods.yaml")),
  );
  await eventually("the Pod runs and its ConfigMap says so", async () => {
    const { data } = await configMap(cluster);
    return data?.phase === "Running" ? data : undefined;
  });
  chapter("Each Pod has its ConfigMap:");
  typed("kubectl get pods,configmaps");
  console.log(await kubectl(cluster, "get", "pods,configmaps"));
  await showPodBesideConfigMap(cluster);

  chapter("The status says how far it is:");
  await eventually("status", async () => {
    const matched = await kubectl(cluster, "get", "pcmc", "web", "-o", "jsonpath={.status.matched}");
    return matched === "2" ? matched : undefined;
  });
  typed("kubectl get pcmc");
  console.log(await kubectl(cluster, "get", "pcmc"));

  await showTemplates(cluster);

  chapter("A label changes, and the ConfigMap follows:");
  typed(`kubectl label pod ${POD} tier=canary --overwrite`);
  console.log(await kubectl(cluster, "label", "pod", POD, "tier=canary", "--overwrite"));
  const changed = performance.now();
  await eventually("the label is in the ConfigMap", async () => {
    const { data } = await configMap(cluster);
    return data?.label_tier === "canary" ? data : undefined;
  });
  say(`label_tier: canary  ${styleText("dim", `(seen ${(performance.now() - changed).toFixed(0)} ms later)`)}`);

  chapter("Someone deletes the ConfigMap by hand, and it is back:");
  typed(`kubectl delete configmap ${CONFIG_MAP}`);
  console.log(await kubectl(cluster, "delete", "configmap", CONFIG_MAP));
  await eventually("the ConfigMap is back", () => configMap(cluster));
  say("it is back");

  chapter("The Pod goes, and the ConfigMap with it:");
  typed(`kubectl delete pod ${POD}`);
  console.log(await kubectl(cluster, "delete", "pod", POD, "--grace-period=1"));
  await eventually("the ConfigMap is collected", async () => {
    const list = await kubectl(cluster, "get", "configmaps", "-o", "name");
    return list.includes(CONFIG_MAP) ? undefined : true;
  });
  say(`${CONFIG_MAP} is gone`);
};
