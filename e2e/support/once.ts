import type { RealCluster } from "@pcmc/devcluster";
import { apply, kubectl } from "./kubectl.ts";

/** What runs once. */
export interface Once {
  /** Name of its Pod, in the namespace `default`. */
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
}

/** Runs an image once with some arguments, as Pod Security's `restricted` wants it. Gives back what it wrote. */
export const runOnce = async (cluster: RealCluster, { name, image, args }: Once): Promise<string> => {
  const securityContext = {
    ...{ runAsNonRoot: true, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
    ...{ capabilities: { drop: ["ALL"] }, seccompProfile: { type: "RuntimeDefault" } },
  };
  const containers = [{ name: "once", image, args, securityContext }];
  const spec = { restartPolicy: "Never", automountServiceAccountToken: false, containers };
  await apply(cluster, { apiVersion: "v1", kind: "Pod", metadata: { name }, spec });
  await kubectl(cluster, ["wait", `pod/${name}`, "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"]);
  return kubectl(cluster, ["logs", name]);
};
