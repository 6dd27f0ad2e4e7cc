import type { Client } from "../client/client.ts";
import type { Clock } from "../clock.ts";
import { AlreadyExistsError, ConflictError, NotFoundError } from "../errors.ts";
import type { ObjectKey, Stored } from "../object.ts";
import { heldSpec, holderOf, type Lease, Leases, newLease, releasedSpec } from "./lease.ts";
import type { ObservedLease } from "./observed-lease.ts";

/** The verbs that the requests for a Lease need. */
export type LeaseRequests = Pick<Client, "get" | "create" | "update">;

/** What bounds one request. */
export interface RequestBounds {
  readonly signal: AbortSignal;
  /** Milliseconds. */
  readonly timeout: number;
}

export interface LeaseLockOptions {
  readonly client: LeaseRequests;
  readonly clock: Clock;
  readonly key: ObjectKey;
  readonly identity: string;
  /** Milliseconds. */
  readonly leaseDuration: number;
  readonly observed: ObservedLease;
}

/** A closed connection is mended at once by the client; what is worse is for the elector, which says so. */
const RETRIES = 2;
/** So often a release is tried when others touch the Lease meanwhile. */
const RELEASE_TRIES = 3;

/**
 * The requests for one Lease. Each write requires the state that we know: whoever was faster wins, and the loser finds
 * out. That, and not any clock, is what makes sure that no two get the Lease at once.
 */
export class LeaseLock {
  readonly #options: LeaseLockOptions;

  constructor(options: LeaseLockOptions) {
    this.#options = options;
  }

  /** Reads the Lease. @throws what the client throws, except that there is none. */
  async read(bounds: RequestBounds): Promise<void> {
    const { client, key, observed } = this.#options;
    const take = observed.beginRead();
    take(await client.get(Leases, key, withRetries(bounds)).catch(undefinedIfNotFound));
  }

  /**
   * Writes the record that makes us the holder, or keeps us so. It is for the caller to know that we may.
   *
   * @returns the time of our clock when the request began: the Lease is ours from no earlier on. `undefined` when someone
   *   else was faster.
   * @throws what the client throws.
   */
  async hold(bounds: RequestBounds): Promise<number | undefined> {
    const { clock, identity, observed } = this.#options;
    const start = clock.now();
    const written = await this.#write(() => this.#writeHeld(withRetries(bounds)));
    return written && observed.holder === identity ? start : undefined;
  }

  /**
   * Gives the Lease back, if it is ours.
   *
   * @returns whether it was.
   * @throws what the client throws.
   */
  async release(bounds: RequestBounds): Promise<boolean> {
    const { client, clock, identity, observed } = this.#options;
    for (let tries = 0; tries < RELEASE_TRIES; tries += 1) {
      if (!observed.current) await this.read(bounds);
      const { lease } = observed;
      if (lease === undefined || holderOf(lease) !== identity) return false;
      const released = { ...lease, spec: releasedSpec(lease.spec, clock.date()) };
      if (await this.#write(() => client.update(Leases, released, withRetries(bounds)))) return true;
    }
    throw new Error("others kept changing it");
  }

  #writeHeld(options: RequestBounds): Promise<Stored<Lease>> {
    const { client, clock, key, identity, leaseDuration, observed } = this.#options;
    const { lease, last } = observed;
    const claim = { identity, leaseDuration, date: clock.date() };
    // The whole object goes out again, with uid and resourceVersion: of a Lease that was deleted, a PUT without its uid
    // would make a new one.
    if (lease !== undefined) return client.update(Leases, { ...lease, spec: heldSpec(lease.spec, claim) }, options);
    // Deleted under our hands: the term goes on as it was.
    const before = last !== undefined && holderOf(last) === identity ? last.spec : undefined;
    return client.create(Leases, newLease(key, heldSpec(before, claim)), options);
  }

  /** @returns whether the write was the first after what we know. */
  async #write(send: () => Promise<Stored<Lease>>): Promise<boolean> {
    const { observed } = this.#options;
    const { lease } = observed;
    try {
      observed.takeWritten(await send());
      return true;
    } catch (error) {
      const isGone = lease !== undefined && error instanceof NotFoundError;
      if (!isGone && !(error instanceof ConflictError || error instanceof AlreadyExistsError)) throw error;
      observed.doubt();
      return false;
    }
  }
}

const withRetries = (bounds: RequestBounds) => ({ ...bounds, retries: RETRIES });

const undefinedIfNotFound = (error: unknown): undefined => {
  if (!(error instanceof NotFoundError)) throw error;
};
