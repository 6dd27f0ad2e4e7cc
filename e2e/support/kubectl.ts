import type { Cluster, KubectlOptions } from "@pcmc/devcluster";

/** Runs kubectl and gives back what it wrote. @throws with what it said when it fails. */
export const kubectl = async (cluster: Cluster, args: readonly string[], options?: KubectlOptions): Promise<string> => {
  const { stdout, stderr, exitCode } = await cluster.kubectl(args, options);
  if (exitCode !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr.trim()}`);
  return stdout;
};

/** Applies objects. */
export const apply = (cluster: Cluster, ...objects: readonly object[]): Promise<string> =>
  kubectl(cluster, ["apply", "-f", "-"], { input: objects.map((object) => JSON.stringify(object)).join("\n---\n") });

/** Waits until all replicas of a Deployment are of its newest template and available. */
export const rolledOut = (cluster: Cluster, name: string, namespace = "default"): Promise<string> =>
  kubectl(cluster, ["-n", namespace, "rollout", "status", `deployment/${name}`, "--timeout=180s"]);

/** Waits until a condition of an object is as said, in the words of `kubectl wait --for`. */
export const waitFor = (cluster: Cluster, object: string, what: string, namespace = "default"): Promise<string> =>
  kubectl(cluster, ["-n", namespace, "wait", object, `--for=${what}`, "--timeout=90s"]);
