/*
 * Several replicas in a world where everything fails, seeded and shrunk by fast-check: delays, lost requests and answers,
 * partitions, watches that break or fall silent, stopped processes, clocks that are wrong and run at different rates,
 * restarts, a Lease that is deleted or touched by others.
 *
 * Invariants, at every moment
 * - No two replicas may write, as `assertHeld` says; also not a process that was stopped, before its timers run.
 * - No two processes that are not stopped have a term whose signal has not aborted.
 * - A replica works for one term at a time.
 * And at the end
 * - Once faults have ended, one leads, for good.
 * - Replicas that are told to stop all end, and leave no timer behind.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Clock } from "../../src/clock.ts";
import type { Term } from "../../src/leader/term.ts";
import { seededRandom } from "../queue/seeded-random.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { LeaseServer } from "./lease-server.ts";
import { Replica, TIMES, untilAborted } from "./rig.ts";

/** The fastest clock runs ahead of the slowest by what `TIMES` tolerate, and no more. */
const SLOW = 1;
const FAST = TIMES.leaseDuration / TIMES.renewDeadline;
const rate = fc.constantFrom(SLOW, FAST, FAST, 1.2);

/** Whom a fault hits: most of what can go wrong goes wrong with the leader. */
const which = fc.constantFrom(0, 1, 2, "leader" as const);
const FAULTS = ["cut", "stop process", "mute watches", "break watches", "restart"] as const;
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 5_000 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom(...FAULTS), which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("mend" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("touch" as const, "delete" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const setting = fc.record({
  seed: fc.nat(),
  rates: fc.array(rate, { minLength: 3, maxLength: 3 }),
  offsets: fc.array(fc.integer({ min: -1e9, max: 1e9 }), { minLength: 3, maxLength: 3 }),
  /** One way, milliseconds at the most. */
  latency: fc.constantFrom(5, 200, 800),
  /** Part of the requests that meet another fate than to arrive. */
  losses: fc.constantFrom(0, 0, 0.1, 0.4),
  /** Milliseconds until the work of a leader has come to an end. */
  drain: fc.constantFrom(0, 50, 7_000),
  judge: fc.constantFrom("assertHeld" as const, "signal" as const),
});
type Setting = typeof setting extends fc.Arbitrary<infer S> ? S : never;

const FATES = ["never arrives", "answer lost", "connection lost after"] as const;

/** A clock that looks at the world each time that something is about to happen. */
const watched = (clock: FakeClock, look: () => void): Clock => ({
  now: () => clock.now(),
  date: () => clock.date(),
  after: (delay, callback) =>
    clock.after(delay, () => {
      look();
      callback();
    }),
});

class World {
  readonly server = new LeaseServer();
  readonly time = new FakeClock();
  readonly problems: string[] = [];
  readonly replicas: Replica[];
  readonly #setting: Setting;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #gone: Replica[] = [];
  #isCalm = false;
  #names = 0;
  #wasDeleted = false;

  constructor(setting: Setting) {
    this.#setting = setting;
    this.#random = seededRandom(setting.seed);
    this.#clock = watched(this.time, () => this.look());
    this.replicas = setting.rates.map((_, i) => this.#start(i));
  }

  get all(): readonly Replica[] {
    return [...this.replicas, ...this.#gone];
  }

  look(): void {
    const { judge } = this.#setting;
    const holders =
      judge === "assertHeld"
        ? this.all.filter(({ holds }) => holds)
        : this.all.filter(({ process, term }) => !process.stopped && term?.signal.aborted === false);
    if (holders.length > 1) this.#note(`${holders.map(({ identity }) => identity).join(" and ")} lead`);
    for (const { identity, working } of this.all) if (working > 1) this.#note(`${identity} works for two terms`);
  }

  async run(step: Step): Promise<void> {
    if (step.kind === "pass") return this.time.advanceAndSettle(step.ms);
    if (step.kind === "mend") return this.#mend();
    if (!("which" in step)) return this.#tamper(step.kind);
    const index = step.which === "leader" ? this.replicas.findIndex(({ elector }) => elector.isLeader) : step.which;
    const replica = this.replicas[index];
    if (replica === undefined) return;
    if (step.kind === "restart") this.#restart(index, replica);
    if (step.kind === "cut") replica.link.cut();
    if (step.kind === "mute watches") replica.link.muteWatches();
    if (step.kind === "break watches") replica.link.breakWatches();
    if (step.kind === "stop process") replica.process.stop();
    await settled();
  }

  /** All faults end. */
  async calm(): Promise<void> {
    this.#isCalm = true;
    await this.#mend();
    await this.time.advanceAndSettle(60_000);
  }

  async end(): Promise<void> {
    for (const { stop } of this.all) stop.abort(new Error("the end"));
    await this.time.advanceAndSettle(60_000);
    for (const error of await Promise.all(this.all.map(({ ended }) => ended))) if (error) this.#note(String(error));
  }

  async #mend(): Promise<void> {
    for (const { link, process } of this.all) {
      link.mend();
      this.look();
      await process.continue();
      this.look();
    }
  }

  /**
   * What others do to the Lease. It is deleted once, and when all know it: who has not seen it yet makes it at once, as
   * client-go does, and may have sent that already.
   */
  #tamper(kind: "touch" | "delete"): void {
    if (this.server.lease === undefined) return;
    if (kind === "touch") {
      this.server.edit({ metadata: { labels: { at: String(this.time.now()) } } });
      return;
    }
    const isKnown = this.replicas.every(({ elector }) => elector.leader !== undefined);
    const isMade = this.all.every(({ link }) => link.creating === 0);
    if (this.#wasDeleted || !isKnown || !isMade) return;
    this.#wasDeleted = true;
    this.server.delete();
  }

  /** Gracefully: the old process drains while the new one starts. No new one starts that does not know the Lease. */
  #restart(which: number, replica: Replica): void {
    if (this.#wasDeleted) return;
    replica.stop.abort(new Error("a restart"));
    this.#gone.push(replica);
    this.replicas[which] = this.#start(which);
  }

  #start(which: number): Replica {
    const { rates, offsets, latency, losses } = this.#setting;
    this.#names += 1;
    const replica = new Replica({
      server: this.server,
      clock: this.#clock,
      identity: `${"abc"[which]}${this.#names}`,
      rate: rates[which] ?? 1,
      offset: offsets[which] ?? 0,
      latency: () => 1 + Math.floor(this.#random() * (this.#isCalm ? 20 : latency)),
      lead: (term, stop) => this.#lead(term, stop),
    });
    replica.link.fate = () => {
      if (this.#isCalm || this.#random() >= losses) return "arrives";
      return FATES[Math.floor(this.#random() * FATES.length)] ?? "arrives";
    };
    return replica.start();
  }

  async #lead(term: Term, stop: AbortSignal): Promise<void> {
    await untilAborted(AbortSignal.any([term.signal, stop]));
    const { drain } = this.#setting;
    await new Promise<void>((resolve) => this.#clock.after(drain, resolve));
  }

  #note(problem: string): void {
    this.problems.push(`${Math.round(this.time.now())}: ${problem}`);
  }
}

test("no two replicas lead at once, whatever happens, and one does when nothing happens any more", async () => {
  await fc.assert(
    fc.asyncProperty(setting, fc.array(step, { minLength: 10, maxLength: 60, size: "max" }), async (given, steps) => {
      const world = new World(given);
      for (const next of steps) await world.run(next);
      expect(world.problems).toEqual([]);
      await world.calm();
      const leaders = world.replicas.filter(({ holds }) => holds);
      expect(leaders).toHaveLength(1);
      const terms = leaders[0]?.terms.length;
      await world.time.advanceAndSettle(60_000);
      expect([leaders[0]?.holds, leaders[0]?.terms.length]).toEqual([true, terms]);
      await world.end();
      expect(world.problems).toEqual([]);
      expect(world.time.timers).toBe(0);
    }),
    // Ends the shrinking of a failure, so that it is told before the test's own time is over.
    {
      numRuns: Number(process.env.LEADER_RUNS ?? 100),
      interruptAfterTimeLimit: Number(process.env.LEADER_TIME ?? 45_000),
    },
  );
});
