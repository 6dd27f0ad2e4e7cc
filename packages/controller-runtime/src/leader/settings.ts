import type { ObjectKey } from "../object.ts";

/** Who takes part in which election, and its times. All times in milliseconds. */
export interface ElectionSettings {
  /** The Lease. Its namespace must be there; the Lease is made when it is missing. */
  readonly lock: ObjectKey;
  /**
   * Our name in the Lease. No two processes may share one: each would take the other's lease for its own. A host name with
   * a random end, as Go's controller-runtime makes it, is safe.
   */
  readonly identity: string;
  /** For how long others leave the Lease alone after a renewal that they have seen. client-go's default: 15,000. */
  readonly leaseDuration: number;
  /**
   * For how long we lead after the beginning of our last renewal. Clocks may run at rates that differ by the ratio of
   * `leaseDuration` to this. client-go's default: 10,000.
   */
  readonly renewDeadline: number;
  /** From one renewal to the next, and between polls of a standby whose watch is broken. client-go's default: 2,000. */
  readonly retryPeriod: number;
}

/** client-go's `JitterFactor`. */
const JITTER_FACTOR = 1.2;

/** @throws TypeError that says in one line what makes no sense. The rules are client-go's. */
export const validateSettings = (settings: ElectionSettings): void => {
  const { lock, identity, leaseDuration, renewDeadline, retryPeriod } = settings;
  const problem = (text: string) => new TypeError(`leader election: ${text}`);
  for (const [name, value] of Object.entries({ identity, "lock.namespace": lock.namespace, "lock.name": lock.name })) {
    if (value === "") throw problem(`${name} must not be empty`);
  }
  for (const [name, value] of Object.entries({ leaseDuration, renewDeadline, retryPeriod })) {
    if (!(Number.isFinite(value) && value > 0)) throw problem(`${name} must be a time above 0, not ${value} ms`);
  }
  if (leaseDuration <= renewDeadline) {
    throw problem(`leaseDuration (${leaseDuration} ms) must be more than renewDeadline (${renewDeadline} ms)`);
  }
  if (renewDeadline <= JITTER_FACTOR * retryPeriod) {
    throw problem(`renewDeadline (${renewDeadline} ms) must be more than 1.2 times retryPeriod (${retryPeriod} ms)`);
  }
};
