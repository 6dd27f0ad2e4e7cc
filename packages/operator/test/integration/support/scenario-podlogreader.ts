import type { Cluster } from "@pcmc/devcluster";
import type { ServiceAccount } from "kubernetes-types/core/v1.d.ts";
import type { PolicyRule, Role, RoleBinding } from "kubernetes-types/rbac/v1.d.ts";
import { eventually } from "./eventually.ts";
import type { Namespace } from "./namespace.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const MERGE = { contentType: "application/merge-patch+json" };

const LABEL = "podlogreader-affiliate";

/** Where things of one namespace are, by their API. */
const pathsIn = ({ name }: Namespace) => {
  const at = (root: string) => (path: string) => `${root}/namespaces/${name}/${path}`;
  return { apps: at("/apis/apps/v1"), rbac: at(RBAC), core: at("/api/v1") };
};

const createDeployment = async (cluster: Cluster, namespace: Namespace, name: string): Promise<void> => {
  const { apps } = pathsIn(namespace);
  const labels = { app: name };
  const template = {
    metadata: { labels: { ...labels, [LABEL]: "enable" } },
    spec: { containers: [{ name: "main", image: "example.com/never-pulled" }] },
  };
  const spec = { replicas: 2, selector: { matchLabels: labels }, template };
  await cluster.request("POST", apps("deployments"), { metadata: { name }, spec });
};

/** What is there before the manager starts: a Role and a ServiceAccount of somebody, in the place of ours. */
export const preparePodLogReader = async (cluster: Cluster, namespace: Namespace): Promise<void> => {
  const { rbac, core } = pathsIn(namespace);
  const rules = [{ apiGroups: [""], resources: ["pods/log"], verbs: ["get"] }];
  await cluster.request("POST", rbac("roles"), { metadata: { name: "podlogreader-taken" }, rules });
  await cluster.request("POST", core("serviceaccounts"), { metadata: { name: "podlogreader-shared" } });
  await createDeployment(cluster, namespace, "taken");
  await createDeployment(cluster, namespace, "shared");
  await createDeployment(cluster, namespace, "web");
};

/** Without a rule, `rules` is null. */
const podsOf = (rules: readonly PolicyRule[] | null | undefined): string[] =>
  rules?.find(({ resources }) => resources?.includes("pods/log"))?.resourceNames ?? [];

/** All that podlogreader does with a Role: it is made, kept in step, repaired, and removed. */
export const exercisePodLogReader = async (cluster: Cluster, namespace: Namespace): Promise<void> => {
  const { apps, rbac } = pathsIn(namespace);
  const role = () => cluster.request<Role>("GET", rbac("roles/podlogreader-web"));
  const hasPods = (count: number) =>
    eventually(`the Role names ${count} Pods`, async () => podsOf((await role()).rules).length === count);
  await hasPods(2);
  await cluster.request("PATCH", rbac("roles/podlogreader-web"), { rules: [] }, MERGE);
  await hasPods(2);
  await eventually("the Role of others is told", async () => {
    const { stdout } = await cluster.kubectl(["events", "--namespace", namespace.name]);
    return stdout.includes("RoleConflict");
  });
  await cluster.request("PATCH", apps("deployments/web"), { spec: { replicas: 1 } }, MERGE);
  await hasPods(1);
};

/** All that podlogreader does with ServiceAccounts and RoleBindings: made, repaired. */
export const exerciseAccounts = async (cluster: Cluster, namespace: Namespace): Promise<void> => {
  const { rbac, core } = pathsIn(namespace);
  const binding = () => cluster.request<RoleBinding>("GET", rbac("rolebindings/podlogreader-web"));
  const account = () => cluster.request<ServiceAccount>("GET", core("serviceaccounts/podlogreader-web"));
  await eventually("the Role is bound", binding);
  await cluster.request("PATCH", rbac("rolebindings/podlogreader-web"), { subjects: [] }, MERGE);
  await eventually("the binding is repaired", async () => (await binding()).subjects?.length === 1);
  const disowned = { metadata: { ownerReferences: null } };
  await cluster.request("PATCH", core("serviceaccounts/podlogreader-web"), disowned, MERGE);
  await eventually("the ServiceAccount is the Deployment's again", async () =>
    Boolean((await account()).metadata?.ownerReferences?.length),
  );
};

/** The label goes, and with it all that was made for it. */
export const endPodLogReader = async (cluster: Cluster, namespace: Namespace): Promise<void> => {
  const { apps, rbac, core } = pathsIn(namespace);
  const unlabelled = { spec: { template: { metadata: { labels: { [LABEL]: null } } } } };
  await cluster.request("PATCH", apps("deployments/web"), unlabelled, MERGE);
  const paths = [rbac("roles"), rbac("rolebindings"), core("serviceaccounts")].map(
    (path) => `${path}/podlogreader-web`,
  );
  for (const path of paths) {
    await eventually(`${path} is gone`, async () =>
      cluster.request("GET", path).then(
        () => false,
        () => true,
      ),
    );
  }
};
