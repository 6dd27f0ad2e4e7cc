import type { Clock } from "../../src/clock.ts";
import type { LeaderElectionObserver } from "../../src/leader/election.ts";
import { LeaderElector } from "../../src/leader/elector.ts";
import type { Term } from "../../src/leader/term.ts";
import { seededRandom } from "../queue/seeded-random.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { LeaseServer } from "./lease-server.ts";
import { Link } from "./link.ts";
import { Process } from "./process.ts";

/** The settings of the shipped manifests, milliseconds. */
export const TIMES = { leaseDuration: 6_000, renewDeadline: 4_000, retryPeriod: 1_000 };
export const LOCK = { namespace: "system", name: "lock" };

export interface ReplicaOptions {
  readonly server: LeaseServer;
  readonly clock: Clock;
  readonly identity: string;
  readonly offset?: number;
  readonly rate?: number;
  readonly latency?: () => number;
  readonly observer?: LeaderElectionObserver;
  /** What its leader does; default: it waits for the end. */
  readonly lead?: (term: Term, stop: AbortSignal) => Promise<void>;
}

/** One process that takes part in an election, and what a test can do to it. */
export class Replica {
  readonly identity: string;
  readonly process: Process;
  readonly link: Link;
  readonly log = recordedLog();
  readonly elector: LeaderElector;
  readonly stop = new AbortController();
  readonly kill = new AbortController();
  /** The terms that it was given, in order. */
  readonly terms: Term[] = [];
  /** Works of leaders that have not come to an end. */
  working = 0;
  readonly #lead: NonNullable<ReplicaOptions["lead"]>;
  ended: Promise<unknown> = Promise.resolve();

  constructor(options: ReplicaOptions) {
    const { server, clock, identity, observer } = options;
    this.identity = identity;
    this.process = new Process(options);
    this.link = new Link({ ...options, process: this.process });
    this.#lead = options.lead ?? untilOver;
    this.elector = new LeaderElector({
      ...TIMES,
      lock: LOCK,
      identity,
      client: this.link,
      clock: this.process,
      random: seededRandom(identity.length + server.revision + clock.now()),
      log: this.log,
      observer,
    });
  }

  get term(): Term | undefined {
    return this.terms.at(-1);
  }

  /** Whether it may write now, as who writes finds out. */
  get holds(): boolean {
    try {
      this.term?.assertHeld();
      return this.term !== undefined;
    } catch {
      return false;
    }
  }

  start(): this {
    const run = this.elector.run({ stop: this.stop.signal, kill: this.kill.signal, lead: (term) => this.#work(term) });
    // `undefined`, or what it was rejected with.
    this.ended = run.then(
      () => undefined,
      (error: unknown) => error,
    );
    return this;
  }

  async #work(term: Term): Promise<void> {
    this.terms.push(term);
    this.working += 1;
    await this.#lead(term, this.stop.signal).finally(() => {
      this.working -= 1;
    });
  }
}

const untilOver = (term: Term, stop: AbortSignal): Promise<void> => untilAborted(AbortSignal.any([term.signal, stop]));

export const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** A world with a server, in which replicas are started. */
export const rig = () => {
  const clock = new FakeClock();
  const server = new LeaseServer();
  const replicas: Replica[] = [];
  const start = (identity: string, options: Partial<ReplicaOptions> = {}): Replica => {
    const replica = new Replica({ server, clock, identity, ...options }).start();
    replicas.push(replica);
    return replica;
  };
  return {
    clock,
    server,
    start,
    /** Starts one and waits until it leads. */
    startLeader: async (identity: string, options: Partial<ReplicaOptions> = {}): Promise<Replica> => {
      const replica = start(identity, options);
      await clock.advanceAndSettle(500);
      return replica;
    },
    pass: (ms: number) => clock.advanceAndSettle(ms),
    /** Ends what was started. */
    end: async (): Promise<void> => {
      for (const { process, kill } of replicas) {
        await process.continue();
        kill.abort(new Error("the test is over"));
      }
      await settled();
      await Promise.all(replicas.map(({ ended }) => ended));
    },
  };
};
