import { Counter, Gauge, type Registry } from "../metrics/prom-client.ts";
import type { LeaderElectionObserver } from "./election.ts";

/** `leader_election_*`, with client-go's names and labels; `name` is the name of the Lease. */
export const leaderElectionMetrics = (registry: Registry): LeaderElectionObserver => {
  const labelNames = ["name"] as const;
  const registers = [registry];
  const status = new Gauge({
    name: "leader_election_master_status",
    help: "Whether this process holds the lease: 1 leads, 0 stands by. Group by name.",
    labelNames,
    registers,
  });
  const slowPath = new Counter({
    name: "leader_election_slowpath_total",
    help: "Renewals of the lease that had to read it first, by name of the lease.",
    labelNames,
    registers,
  });
  return {
    onLeading: (name, leading) => status.set({ name }, leading ? 1 : 0),
    onSlowPath: (name) => slowPath.inc({ name }),
  };
};
