/**
 * Whether managers elect a leader. While they do not, stories have one replica, and none of what happens to Leases: set it
 * once the manager heeds LEADER_ELECTION_ENABLED.
 */
export const REPLICAS_SUPPORTED: boolean = false;
