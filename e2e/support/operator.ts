import type { RealCluster } from "@pcmc/devcluster";
import { ensureImages } from "./images.ts";
import { apply, kubectl, rolledOut } from "./kubectl.ts";
import { manifestsIn, manifestsOf, withLocalImage } from "./manifests.ts";
import { until } from "./until.ts";

/** The operator's Pods. */
const SELECTOR = "app.kubernetes.io/name=podconfigmap-controller";

/** How the operator is to run, beyond the defaults. */
export interface OperatorOptions {
  /** Settings by name. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Further files of manifests/. */
  readonly manifests?: readonly string[];
}

/**
 * Runs the operator as users do: its own image as Pods, from the CRDs and manifests of this checkout as they are, but for
 * the image. It returns when the API server calls the webhooks through their Service.
 */
export const deployOperator = async (
  cluster: RealCluster,
  { environment = {}, manifests = [] }: OperatorOptions = {},
): Promise<void> => {
  await ensureImages(cluster, ["manager"]);
  await apply(cluster, ...manifestsIn("crd"));
  // The order of docs/how-to/install.md.
  const files = ["rbac.yaml", "deployment.yaml", "webhooks.yaml", ...manifests];
  for (const file of files) await apply(cluster, ...manifestsOf(`manifests/${file}`).map(withLocalImage));
  if (Object.keys(environment).length > 0) await setEnvironment(cluster, environment);
  await rolledOut(cluster, "podconfigmap-controller");
  await trusted(cluster);
};

/** Waits until the API server can call the webhooks. */
export const trusted = (cluster: RealCluster): Promise<true> =>
  until("the API server can trust the webhooks", async () => ((await isTrusted(cluster)) ? true : undefined));

/** Changes settings of the operator, and waits until Pods with them have taken over. */
export const setEnvironment = async (cluster: RealCluster, environment: Readonly<Record<string, string>>) => {
  const pairs = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  await kubectl(cluster, ["set", "env", "deployment/podconfigmap-controller", ...pairs]);
  await rolledOut(cluster, "podconfigmap-controller");
};

/** Runs so many replicas of the operator, and waits until that is so. */
export const scaleOperator = async (cluster: RealCluster, replicas: number) => {
  await kubectl(cluster, ["scale", "deployment/podconfigmap-controller", `--replicas=${replicas}`]);
  await rolledOut(cluster, "podconfigmap-controller");
  if (replicas === 0) await kubectl(cluster, ["wait", "pod", "-l", SELECTOR, "--for=delete", "--timeout=90s"]);
};

/** What the operator's Pods have logged, for a failure. */
export const operatorLogs = (cluster: RealCluster): Promise<string> =>
  kubectl(cluster, ["logs", "-l", SELECTOR, "--prefix", "--tail=200"]);

interface Configurations {
  readonly items: readonly {
    readonly webhooks?: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
  }[];
}

const isTrusted = async (cluster: RealCluster): Promise<boolean> => {
  const group = "/apis/admissionregistration.k8s.io/v1";
  const kinds = ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"];
  const lists = await Promise.all(kinds.map((kind) => cluster.request<Configurations>("GET", `${group}/${kind}`)));
  const webhooks = lists.flatMap(({ items }) => items.flatMap((item) => item.webhooks ?? []));
  return webhooks.length > 0 && webhooks.every(({ clientConfig }) => clientConfig.caBundle);
};
