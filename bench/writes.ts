import type { Cluster } from "@pcmc/devcluster";

const VERBS = ["POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION"];
/**
 * All that a manager writes, but for its Lease: a leader renews that for as long as it lives, and the API server has
 * Leases of its own.
 */
const RESOURCES = ["configmaps", "pods", "podconfigmapconfigs", "events"];

/** How many writes the API server has answered since its start, refused ones too; the benchmark's own are among them. */
export const countWrites = async (cluster: Cluster): Promise<number> => {
  const counts = RESOURCES.map((resource) => cluster.requestCounts({ verb: VERBS, resource }));
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
};
