import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Cluster } from "@pcmc/devcluster";
import { chapter, eventually, kubectl, path, shown, typed } from "./stage.ts";

const WATCHER = "labels-logger";
const PODS = ["get", "pods", "--selector", "app=greeter"];
const SIDECARS = "custom-columns=POD:.metadata.name,OWN:.spec.containers[*].name,SIDECAR:.spec.initContainers[*].name";

/** Each document of a file as a file of its own. */
const apart = async (cluster: Cluster, file: string, names: readonly string[]): Promise<void> => {
  const documents = (await readFile(path(file), "utf8")).split(/^---\n/m);
  await Promise.all(names.map((name, i) => writeFile(join(cluster.stateDir, name), documents[i] ?? "")));
};

const applied = async (cluster: Cluster, name: string): Promise<void> => {
  typed(`kubectl apply -f ${name}`);
  console.log(await kubectl(cluster, "apply", "-f", join(cluster.stateDir, name)));
};

/** A sidecar for Pods that ask for one: the Watcher, its Pods, its status. */
export const showWatchers = async (cluster: Cluster): Promise<void> => {
  chapter("A Watcher is a sidecar for Pods that ask for it. These are the two parts of examples/watcher.yaml:");
  await apart(cluster, "examples/watcher.yaml", ["watcher.yaml", "greeter.yaml"]);
  await applied(cluster, "watcher.yaml");
  await shown(cluster, "wait", "--for=condition=Ready", `watcher/${WATCHER}`, "--timeout=30s");
  await applied(cluster, "greeter.yaml");
  await eventually("the Pods run", async () => {
    const phases = await kubectl(cluster, ...PODS, "--output", "jsonpath={.items[*].status.phase}");
    return phases === "Running Running" || undefined;
  });

  chapter("The webhook has put the sidecar into each Pod, as an init container that stays:");
  await shown(cluster, ...PODS, "--output", SIDECARS);
  await eventually("the Watcher counts its Pods", async () => {
    const injected = await kubectl(cluster, "get", "watcher", WATCHER, "--output", "jsonpath={.status.injected}");
    return injected === "2" || undefined;
  });
  await shown(cluster, "get", "watchers");
};
