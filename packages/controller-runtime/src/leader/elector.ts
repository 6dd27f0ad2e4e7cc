import { Informer } from "../cache/informer.ts";
import type { Change } from "../cache/store.ts";
import { Troubles } from "../cache/troubles.ts";
import type { Client } from "../client/client.ts";
import { type Clock, type Random, systemClock } from "../clock.ts";
import { describe } from "../errors.ts";
import { type Logger, silentLogger } from "../log.ts";
import { keyString, type Stored } from "../object.ts";
import { Alarm } from "./alarm.ts";
import { Candidate } from "./candidate.ts";
import type { Election, LeaderElectionObserver } from "./election.ts";
import { type Lease, Leases } from "./lease.ts";
import { LeaseLock } from "./lease-lock.ts";
import { ObservedLease } from "./observed-lease.ts";
import { keepRenewing } from "./renewal.ts";
import { type ElectionSettings, validateSettings } from "./settings.ts";
import { type HeldTerm, NotLeadingError, type Term } from "./term.ts";
import { Trouble } from "./trouble.ts";
import { DONE, type Failure, outcomeOf, unlessKilled } from "./work.ts";

/** The verbs that an election needs: one Lease is read, written and watched. */
export type LeaseClient = Pick<Client, "get" | "create" | "update" | "pages" | "watch">;

export interface LeaderElectorOptions extends ElectionSettings {
  readonly client: LeaseClient;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly log?: Logger | undefined;
  readonly observer?: LeaderElectionObserver | undefined;
  /** Where troubles of the API server are told: who shares it, a cache say, tells of a common one once. Default: its own. */
  readonly troubles?: Troubles | undefined;
}

export interface ElectionRun {
  /** Nothing new is begun; `lead` is expected to come to an end. */
  readonly stop: AbortSignal;
  /** Nothing is waited for any more. */
  readonly kill: AbortSignal;
  /** Does the work of a leader, once for each term, until `term.signal` or `stop` aborts. */
  readonly lead: (term: Term) => Promise<void>;
}

/**
 * Sees to it that of several processes one works: the one that holds a Lease, with the rules and the record of client-go.
 *
 * A standby watches the Lease and gets it as soon as it is released or has expired. A leader whose Lease is lost stands by
 * again; it does not exit.
 *
 * @example
 * const elector = new LeaderElector({ client, lock: { namespace: "default", name: "echo" }, identity, ...times });
 * await elector.run({ stop, kill, lead: (term) => controller.run({ stop, kill: term.signal }) });
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #log: Logger;
  readonly #election: Election;
  readonly #candidate: Candidate;
  readonly #informer: Informer<Lease>;
  #term: HeldTerm | undefined;
  #reportedLeader: string | undefined;

  /** @throws TypeError when the settings make no sense. */
  constructor(options: LeaderElectorOptions) {
    validateSettings(options);
    const { lock: key, identity, leaseDuration, renewDeadline, retryPeriod, observer } = options;
    const { client, clock = systemClock, random = Math.random } = options;
    const name = keyString(key.namespace, key.name);
    this.#options = options;
    this.#log = (options.log ?? silentLogger).with({ lease: name });
    const observed = new ObservedLease({ clock, identity, leaseDuration, onChange: () => this.#onChange() });
    this.#informer = this.#watchOf({ client, clock, random });
    this.#election = {
      clock,
      random,
      settings: options,
      name,
      lock: new LeaseLock({ client, clock, key, identity, leaseDuration, observed }),
      observed,
      alarm: new Alarm(clock),
      trouble: new Trouble({
        log: this.#log,
        key,
        troubles: options.troubles ?? new Troubles({ clock, log: this.#log }),
      }),
      observer,
      requestTimeout: Math.max(retryPeriod, renewDeadline / 2),
      isWatchInStep: () => this.#informer.synced && this.#informer.problem === undefined,
    };
    this.#candidate = new Candidate(this.#election);
    this.#informer.onChange((change) => this.#onEvent(change));
    observer?.onLeading(key.name, false);
  }

  /** Whether we lead, by the clock of now. */
  get isLeader(): boolean {
    return this.#term?.held ?? false;
  }

  /** The identity of the holder as last seen, ours included; `undefined` when there is none. */
  get leader(): string | undefined {
    return this.#election.observed.holder;
  }

  /**
   * Takes part in the election until `stop` aborts and `lead` has come to an end, or until `kill` aborts. While `lead`
   * finishes, the Lease is kept; it is released once nothing is done under it any more, so that another can go on at once.
   *
   * A `lead` that does not end after its term was lost holds us up: nobody works twice.
   *
   * @throws what `lead` throws while the Lease is held, and an Error when it ends without having been told to; the Lease is
   *   released before.
   */
  async run(run: ElectionRun): Promise<void> {
    const { stop, kill } = run;
    const ending = AbortSignal.any([stop, kill]);
    const watching = new AbortController();
    const watch = this.#informer.run(watching.signal);
    this.#log.info("standing by for the lease", { identity: this.#options.identity });
    try {
      while (!ending.aborted) {
        const term = await this.#candidate.run(ending, kill);
        if (term !== undefined) await this.#serve(term, run);
      }
    } finally {
      watching.abort(new Error("the election is over"));
      await watch;
    }
  }

  /** Leads for one term. */
  async #serve(term: HeldTerm, { stop, kill, lead }: ElectionRun): Promise<void> {
    const ended = this.#begin(term);
    const over = new AbortController();
    const renewing = keepRenewing(this.#election, term, over.signal);
    const isNeeded = !stop.aborted && term.held;
    const outcome = isNeeded
      ? await unlessKilled(
          outcomeOf(() => lead(term)),
          kill,
        )
      : DONE;
    const isLost = term.signal.aborted;
    ended();
    // From here on nothing may be written, released or not.
    term.end(new NotLeadingError(`lease ${this.#election.name} is given back`));
    over.abort();
    await renewing;
    if (outcome === "killed") return;
    if (isLost) {
      if (outcome.failure !== undefined) this.#reportFailure(outcome.failure, term);
      return;
    }
    await this.#release(kill);
    if (outcome.failure !== undefined) throw outcome.failure.error;
    if (isNeeded && !stop.aborted && !kill.aborted) {
      throw new Error("the work of a leader came to an end by itself, though the lease was held");
    }
  }

  /** Notes and says that the term has begun and, when that happens, that it was lost; returns what makes its end one of ours. */
  #begin(term: HeldTerm): () => void {
    const { lock, identity, observer } = this.#options;
    let isExpected = false;
    this.#term = term;
    this.#log.info("became leader", { identity });
    observer?.onLeading(lock.name, true);
    const onEnd = () => {
      this.#term = undefined;
      observer?.onLeading(lock.name, false);
      if (!isExpected) this.#log.warning("lost the lease: standing by", { cause: describe(term.signal.reason) });
    };
    term.signal.addEventListener("abort", onEnd, { once: true });
    // What came in between the answer and now.
    this.#checkHolder();
    return () => {
      isExpected = true;
    };
  }

  #reportFailure({ error }: Failure, term: HeldTerm): void {
    // It ended because it was told to.
    if (error === term.signal.reason || error instanceof NotLeadingError) return;
    this.#log.error("the work of a leader failed after the lease was lost", { error });
  }

  /** Gives the Lease back; without success it expires, which takes others longer. */
  async #release(kill: AbortSignal): Promise<void> {
    if (kill.aborted) return;
    const { lock, requestTimeout } = this.#election;
    try {
      const isReleased = await lock.release({ signal: kill, timeout: requestTimeout });
      if (isReleased) this.#log.info("released the lease");
    } catch (error) {
      this.#log.warning("cannot release the lease: another can lead when it expires", { cause: describe(error) });
    }
  }

  #onEvent({ type, object }: Change<Stored<Lease>>): void {
    const { observed, trouble } = this.#election;
    // A standby whose watch works asks for nothing, so only this tells that the server is back.
    trouble.works("read");
    if (type === "deleted") observed.takeDeletion(object);
    else observed.takeEvent(object);
  }

  /** The Lease is in another state than before. */
  #onChange(): void {
    this.#candidate.onChange();
    this.#checkHolder();
    this.#reportLeader();
    this.#election.alarm.ring();
  }

  /** Ends the term when someone else has the Lease, or took it from us. */
  #checkHolder(): void {
    const { observed, name } = this.#election;
    const { holder, lease } = observed;
    if (this.#term === undefined || lease === undefined || holder === this.#options.identity) return;
    const text = holder === undefined ? `someone released lease ${name}` : `lease ${name} is held by ${holder}`;
    this.#term.end(new NotLeadingError(text));
  }

  #reportLeader(): void {
    const { leader } = this;
    if (leader === undefined || leader === this.#reportedLeader) return;
    this.#reportedLeader = leader;
    if (leader !== this.#options.identity) this.#log.info("another leads", { leader });
  }

  /** The one Lease, watched. Its signs of life come every renewal, so that silence says soon that the watch is dead. */
  #watchOf({ client, clock, random }: Pick<Election, "clock" | "random"> & { client: LeaseClient }): Informer<Lease> {
    const { lock, leaseDuration } = this.#options;
    return new Informer<Lease>({
      client,
      resource: Leases,
      scope: { namespaces: [lock.namespace], fieldSelector: `metadata.name=${lock.name}` },
      projection: true,
      clock,
      random,
      log: this.#log,
      // What keeps it from working keeps requests for the Lease from it too, and they tell.
      troubles: new Troubles({ clock, log: silentLogger }),
      // A standby has to look for itself from here on, if the watch does not come back at once.
      observer: { onInformer: () => {}, onRestart: () => this.#election.alarm.ring(), onLag: () => {} },
      silence: leaseDuration,
    });
  }
}
