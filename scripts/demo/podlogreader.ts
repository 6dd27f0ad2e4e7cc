import { execFile } from "node:child_process";
import { promisify, styleText } from "node:util";
import type { Cluster } from "@pcmc/devcluster";
import type { Role } from "kubernetes-types/rbac/v1.d.ts";
import { chapter, eventually, kubectl, path, say, shown, typed } from "./stage.ts";

const ROLE = "podlogreader-checkout";

/** How many Pods the Role names; `undefined` while it names none. */
const podsInRole = async (cluster: Cluster): Promise<number | undefined> => {
  const role = await cluster.request<Role>(
    "GET",
    `/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles/${ROLE}`,
  );
  return role.rules?.find(({ resources }) => resources?.includes("pods/log"))?.resourceNames?.length;
};

const untilRoleHas = (cluster: Cluster, count: number): Promise<true> =>
  eventually(`the Role names ${count} Pods`, async () => (await podsInRole(cluster)) === count || undefined);

/** Logs that only the right account can read: the Role of a Deployment, which follows its Pods. */
export const showPodLogReader = async (cluster: Cluster): Promise<void> => {
  chapter("The Pods of this Deployment carry a label that makes their logs readable through a Role:");
  typed("kubectl apply -f examples/podlogreader.yaml");
  console.log(await kubectl(cluster, "apply", "-f", path("examples/podlogreader.yaml")));
  await untilRoleHas(cluster, 3);
  await shown(cluster, "describe", "role", ROLE);

  chapter("One Pod less, and the Role names one Pod less:");
  await shown(cluster, "scale", "deployment/checkout", "--replicas=2");
  const scaled = performance.now();
  await untilRoleHas(cluster, 2);
  say(`the Role names 2 Pods  ${styleText("dim", `(seen ${(performance.now() - scaled).toFixed(0)} ms later)`)}`);

  chapter("Who can read these logs, and why:");
  const args = ["who-can-read", "deployment/checkout"];
  typed(`pcmc ${args.join(" ")}`);
  const { stdout } = await promisify(execFile)(path("bin/pcmc"), args, {
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
  });
  console.log(stdout);
};
