import { ApiStatusError, type Cluster } from "@pcmc/devcluster";
import type { FaultStep } from "./story.ts";

/** The settings that the shipped manifests have. Seconds. */
export const LEASE_SECONDS = { duration: 6, renewDeadline: 4, retryPeriod: 1 } as const;
/** The default: the shipped Role names it. */
export const LEASE_NAME = "podconfigmap-controller-lock";
const MERGE = { contentType: "application/merge-patch+json" };
const HOUR = 3_600_000;

/** Does to the Lease of a namespace what a step says; where there is none, nothing. */
export const disturbLease = async (
  cluster: Cluster,
  namespace: string,
  step: FaultStep & { readonly do: "steal-lease" | "skew-lease" | "delete-lease" },
): Promise<void> => {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${LEASE_NAME}`;
  try {
    if (step.do === "delete-lease") await cluster.request("DELETE", path);
    else await cluster.request("PATCH", path, { spec: specOf(step) }, MERGE);
  } catch (error) {
    if (!(error instanceof ApiStatusError) || error.code !== 404) throw error;
  }
};

const specOf = (step: FaultStep & { readonly do: "steal-lease" | "skew-lease" }) => {
  const time = new Date(Date.now() + step.skewHours * HOUR).toISOString().replace("Z", "000Z");
  const times = { renewTime: time, acquireTime: time };
  if (step.do === "skew-lease") return times;
  return { ...times, holderIdentity: "stranger", leaseDurationSeconds: LEASE_SECONDS.duration };
};
