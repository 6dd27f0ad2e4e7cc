import { Backoff } from "../backoff.ts";
import type { Election } from "./election.ts";
import { HeldTerm } from "./term.ts";

/** Part of a retry period over which standbys spread when the Lease becomes free, so that not all write at once. */
const RELEASE_JITTER = 0.05;
/** Part of a retry period for which the loser of a race leaves the Lease alone. */
const LOST_RACE_PAUSE = 0.1;
/** Parts of a retry period by which polls spread. */
const POLL_JITTER = 0.2;

/** Stands by until the Lease can be ours, and gets it. */
export class Candidate {
  readonly #election: Election;
  readonly #backoff: Backoff;
  /** Times of the clock. */
  #notBefore = Number.NEGATIVE_INFINITY;
  #nextPoll = Number.NEGATIVE_INFINITY;
  /** Milliseconds after the Lease is free; drawn for each state of the Lease. */
  #jitter = 0;

  constructor(election: Election) {
    const { clock, random, settings } = election;
    this.#election = election;
    const { retryPeriod, leaseDuration } = settings;
    // Beyond a lease duration there is nothing to be gained from leaving the server alone: it is one small request.
    const times = { initial: retryPeriod, cap: leaseDuration, resetAfter: 2 * leaseDuration };
    this.#backoff = new Backoff({ ...times, factor: 2, jitter: POLL_JITTER }, clock, random);
  }

  /** The Lease is in another state than before. */
  onChange(): void {
    const { random, settings } = this.#election;
    this.#jitter = RELEASE_JITTER * settings.retryPeriod * random();
  }

  /**
   * Gets the Lease.
   *
   * @returns the term; `undefined` when `ending` aborts first. A write under way is not cut by that, but by `kill`: cut
   *   off, it might get the Lease for nobody.
   */
  async run(ending: AbortSignal, kill: AbortSignal): Promise<HeldTerm | undefined> {
    const { alarm, clock } = this.#election;
    while (!ending.aborted) {
      const left = this.#due() - clock.now();
      if (left > 0) {
        await alarm.wait(left, ending);
        continue;
      }
      const term = await this.#attempt(ending, kill);
      if (term !== undefined) return term;
    }
    return undefined;
  }

  /** When there is something to do next. While the watch works, that is when the Lease is free, and nothing before. */
  #due(): number {
    const { observed, isWatchInStep } = this.#election;
    if (!observed.current) return this.#notBefore;
    const free = observed.freeAt + this.#jitter;
    return Math.max(this.#notBefore, isWatchInStep() ? free : Math.min(free, this.#nextPoll));
  }

  async #attempt(ending: AbortSignal, kill: AbortSignal): Promise<HeldTerm | undefined> {
    const { clock, observed, trouble } = this.#election;
    const doing = observed.current && clock.now() >= observed.freeAt ? "write" : "read";
    try {
      const term = doing === "write" ? await this.#take(kill) : await this.#poll(ending);
      trouble.works(doing);
      this.#backoff.reset();
      return term;
    } catch (error) {
      this.#notBefore = clock.now() + this.#backoff.next();
      if (!ending.aborted) trouble.report(error, doing);
      return undefined;
    }
  }

  async #poll(ending: AbortSignal): Promise<undefined> {
    const { clock, random, settings, lock, requestTimeout } = this.#election;
    await lock.read({ signal: ending, timeout: requestTimeout });
    this.#nextPoll = clock.now() + settings.retryPeriod * (1 + POLL_JITTER * random());
  }

  async #take(kill: AbortSignal): Promise<HeldTerm | undefined> {
    const { clock, random, settings, lock, requestTimeout, name } = this.#election;
    const start = await lock.hold({ signal: kill, timeout: requestTimeout });
    if (start === undefined) {
      this.#notBefore = clock.now() + LOST_RACE_PAUSE * settings.retryPeriod * (1 + random());
      return undefined;
    }
    // The process was stopped while the answer came. The Lease says that it is ours, so the next try is at once.
    if (clock.now() >= start + settings.renewDeadline) return undefined;
    return new HeldTerm({ clock, renewDeadline: settings.renewDeadline, start, lease: name });
  }
}
