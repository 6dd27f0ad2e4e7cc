import type { Permission } from "../controllers/permission.ts";
import { settingsTable } from "../settings/table.ts";

/** What the manager needs in every namespace, whichever controllers it runs. */
export const managerPermissions: readonly Permission[] = [
  {
    why: "Conflicts, failures and recoveries, told where the object is.",
    group: "events.k8s.io",
    resources: ["events"],
    verbs: ["create", "patch"],
  },
  {
    why: "Whether a namespace of WATCH_NAMESPACES exists: the list of one that does not is empty, and no error.",
    group: "",
    resources: ["namespaces"],
    verbs: ["get"],
  },
];

const leases = { group: "coordination.k8s.io", resources: ["leases"] };

/** What leader election needs in the namespace of the Lease. */
export const leasePermissions: readonly Permission[] = [
  { why: "The name of what does not exist yet cannot be asked about.", ...leases, verbs: ["create"] },
  {
    why: "Of several replicas one works. Another LEADER_ELECTION_LOCK_NAME has to be named here too.",
    ...leases,
    verbs: ["get", "list", "watch", "update"],
    names: [settingsTable.leaderElectionLockName.default],
  },
];
