import type { Clock, Random } from "../clock.ts";
import type { Alarm } from "./alarm.ts";
import type { LeaseLock } from "./lease-lock.ts";
import type { ObservedLease } from "./observed-lease.ts";
import type { ElectionSettings } from "./settings.ts";
import type { Trouble } from "./trouble.ts";

/** Is told how an election goes; see `leaderElectionMetrics`. `name` is the name of the Lease. */
export interface LeaderElectionObserver {
  /** At the beginning, as false, and whenever it changes. */
  onLeading(name: string, leading: boolean): void;
  /** A renewal had to read the Lease first, because it was not as we had left it. */
  onSlowPath(name: string): void;
}

/** What the two sides of an elector, standing by and leading, share. */
export interface Election {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: ElectionSettings;
  /** `namespace/name` of the Lease, for messages. */
  readonly name: string;
  readonly lock: LeaseLock;
  readonly observed: ObservedLease;
  /** Rings when there may be something to do. */
  readonly alarm: Alarm;
  readonly trouble: Trouble;
  readonly observer: LeaderElectionObserver | undefined;
  /** Milliseconds for one request at the most, so that one that is lost leaves time for another. */
  readonly requestTimeout: number;
  /** Whether the watch tells of changes as they come. */
  readonly isWatchInStep: () => boolean;
}
