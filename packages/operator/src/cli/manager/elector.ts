import {
  type Client,
  LeaderElector,
  type Logger,
  leaderElectionMetrics,
  type Registry,
  type Troubles,
} from "@pcmc/controller-runtime";
import type { Settings } from "../../settings/settings.ts";

export interface ElectorParts {
  readonly settings: Settings;
  /** With connections of its own: a renewal must not wait behind the requests of reconciles. */
  readonly client: Client;
  /** Who we are in the Lease. */
  readonly identity: string;
  readonly registry: Registry;
  readonly log: Logger;
  readonly troubles: Troubles;
}

/** Who decides which replica works; `undefined` where there is no election. Its metrics exist in any case. */
export const electorOf = ({ settings, registry, ...parts }: ElectorParts): LeaderElector | undefined => {
  const observer = leaderElectionMetrics(registry);
  if (!settings.leaderElectionEnabled) return undefined;
  return new LeaderElector({
    ...parts,
    lock: { namespace: settings.leaderElectionLockNamespace, name: settings.leaderElectionLockName },
    leaseDuration: settings.leaderElectionLeaseDuration,
    renewDeadline: settings.leaderElectionRenewDeadline,
    retryPeriod: settings.leaderElectionRetryPeriod,
    observer,
  });
};
