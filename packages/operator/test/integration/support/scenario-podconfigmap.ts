import type { Cluster } from "@pcmc/devcluster";
import { expect } from "vitest";
import { eventually } from "./eventually.ts";
import type { Namespace } from "./namespace.ts";

const TAKEN = "pod-web-from-taken-cfg";
const BROKEN = { configMapDataTemplate: { "app.conf": "{{ nonsense }}" } };
const GOOD = { configMapDataTemplate: { "app.conf": "{{ .podName }}" } };
const API = "/apis/podconfig.example.com/v1alpha1";
const GENERATED_BY = "podconfig.example.com/generated-by-pcmc";
const POD_UID = "podconfig.example.com/pod-uid";

/** What is there before the manager starts. */
export const preparePodConfigMap = async (namespace: Namespace): Promise<void> => {
  await namespace.createPod("web", { labels: { app: "web" } });
  await namespace.create("configmaps", { metadata: { name: TAKEN } });
  await namespace.createConfig("app");
  await namespace.createConfig("taken");
};

/** All that the controllers of PodConfigMapConfigs do: every kind of write, a conflict that comes back, admission. */
export const exercisePodConfigMap = async (cluster: Cluster, namespace: Namespace): Promise<void> => {
  await namespace.settled("app");
  await namespace.patch("podconfigmapconfigs", "app", { spec: { labelsToInclude: ["app"] } });
  await eventually("the label is in the ConfigMap", async () => {
    const { data } = await namespace.get("configmaps", "pod-web-from-app-cfg");
    return data?.label_app === "web";
  });
  await conflictTwice(namespace);
  await namespace.remove("podconfigmapconfigs", "app");
  await eventually("the ConfigMap goes", () => namespace.lacks("configmaps", "pod-web-from-app-cfg"));
  await askForRights(cluster, namespace);
};

/** The same Event again is a patch of the first one's series. */
const conflictTwice = async (namespace: Namespace): Promise<void> => {
  const conflict = { status: "False", reason: "ConfigMapConflict" } as const;
  await namespace.ready("taken", conflict);
  const { metadata: pod } = await namespace.get("pods", "web");
  const reference = { apiVersion: "v1", kind: "Pod", name: pod.name, uid: pod.uid };
  const labels = { [GENERATED_BY]: "taken", [POD_UID]: pod.uid };
  await namespace.patch("configmaps", TAKEN, { metadata: { labels, ownerReferences: [reference] } });
  await namespace.ready("taken", { status: "True" });
  const none = { [GENERATED_BY]: null, [POD_UID]: null };
  await namespace.patch("configmaps", TAKEN, { metadata: { labels: none, ownerReferences: null } });
  await namespace.ready("taken", conflict);
};

const askForRights = async (cluster: Cluster, namespace: Namespace): Promise<void> => {
  const tried = (spec: object) => {
    const type = { apiVersion: "podconfig.example.com/v1alpha1", kind: "PodConfigMapConfig" };
    const object = { ...type, metadata: { name: "tried" }, spec };
    const path = `${API}/namespaces/${namespace.name}/podconfigmapconfigs?dryRun=All`;
    return cluster.request("POST", path, object);
  };
  await eventually("a broken template is refused", async () =>
    tried(BROKEN).then(
      () => false,
      (error: unknown) => String(error).includes("nonsense"),
    ),
  );
  await expect(tried(GOOD)).resolves.toBeDefined();
};
