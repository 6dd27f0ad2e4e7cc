/*
 * A leader elector against one Lease in memory, with time in the test's hands.
 *
 * Invariants
 * - What is in the Lease is what client-go would have put there.
 * - A standby takes a Lease that is released, or that it has not seen renewed for as long as the Lease says, by its own
 *   clock. While its watch works it sends nothing else.
 * - A term ends before the Lease can be another's, and whatever happens `assertHeld` knows it first.
 * - The Lease is kept while the work of a leader drains, and given back after it; nothing is given back that is not ours.
 * - Each trouble is told once.
 */
import { afterEach, describe, expect, test } from "vitest";
import { ConnectionError } from "../../src/errors.ts";
import { NotLeadingError, type Term } from "../../src/leader/term.ts";
import { type LeaseServer, refusal } from "./lease-server.ts";
import type { Verb } from "./link.ts";
import { LOCK, rig, TIMES, untilAborted } from "./rig.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const world = () => {
  const made = rig();
  cleanups.push(() => made.end());
  return made;
};

/** Makes the Lease another's, as `kubectl edit` would. */
const steal = (server: LeaseServer, holderIdentity: string, leaseDurationSeconds = 6) =>
  server.edit({
    spec: { holderIdentity, leaseDurationSeconds, renewTime: `2026-01-01T00:00:0${server.revision % 10}Z` },
  });

/** A Lease that another program holds. */
const heldBy = (server: LeaseServer, holderIdentity: string, leaseDurationSeconds?: number) =>
  server.create({
    metadata: LOCK,
    spec: {
      holderIdentity,
      // Of a clock that is wrong by decades: nobody looks.
      renewTime: "2071-03-04T05:06:07.000000Z",
      acquireTime: "1971-03-04T05:06:07.000000Z",
      leaseTransitions: 4,
      ...(leaseDurationSeconds === undefined ? {} : { leaseDurationSeconds }),
    },
  });

/** What the next request of a verb comes to; those after it go well. */
const once = <T>(verb: Verb, outcome: T): ((asked: Verb) => T | undefined) => {
  let left = 1;
  return (asked) => (asked === verb && left-- > 0 ? outcome : undefined);
};

describe("the record", () => {
  test("is made when there is none, with a first term that is no transition", async () => {
    const { server, start, pass } = world();
    start("a");
    await pass(500);
    expect(server.lease).toMatchObject({
      metadata: { namespace: "system", name: "lock" },
      spec: {
        holderIdentity: "a",
        leaseDurationSeconds: 6,
        acquireTime: expect.stringMatching(/^2026-01-01T00:00:00\.\d{3}000Z$/),
        leaseTransitions: 0,
      },
    });
    expect(server.lease?.spec?.renewTime).toBe(server.lease?.spec?.acquireTime);
  });

  test("keeps the time of the acquisition when it is renewed", async () => {
    const { server, startLeader, pass } = world();
    await startLeader("a");
    const first = server.lease?.spec;
    await pass(5_000);
    expect(server.lease?.spec).toEqual({ ...first, renewTime: expect.stringMatching(/^2026-01-01T00:00:05\.\d{6}Z$/) });
  });

  test("counts a transition when another holder takes over, and keeps what others have put in the Lease", async () => {
    const { server, start, pass } = world();
    heldBy(server, "go", 6);
    server.edit({ metadata: { labels: { team: "x" } } });
    start("a");
    await pass(7_000);
    expect(server.lease).toMatchObject({
      metadata: { labels: { team: "x" } },
      spec: { holderIdentity: "a", leaseTransitions: 5, leaseDurationSeconds: 6 },
    });
  });

  test("says of a released Lease that nobody holds it, for one second, as client-go does", async () => {
    const { server, startLeader, pass } = world();
    const { stop, ended } = await startLeader("a");
    await pass(1_000);
    stop.abort();
    await pass(10);
    await ended;
    expect(server.lease?.spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions: 0 });
    expect(server.lease?.spec?.acquireTime).toBe(server.lease?.spec?.renewTime);
  });
});

describe("a leader", () => {
  test("renews once a retry period, without reading", async () => {
    const { startLeader, pass } = world();
    const { link } = await startLeader("a");
    link.requests.length = 0;
    await pass(10_000);
    expect(new Set(link.requests)).toEqual(new Set(["update"]));
    expect(link.requests).toHaveLength(10);
  });

  test("goes on when answers to renewals are lost, though the Lease is then not as it left it", async () => {
    const { startLeader, pass } = world();
    const slow: string[] = [];
    const observer = { onLeading: () => {}, onSlowPath: (name: string) => slow.push(name) };
    const a = await startLeader("a", { observer });
    a.link.muteWatches();
    a.link.fate = (verb) => once<"connection lost after">("update", "connection lost after")(verb) ?? "arrives";
    await pass(1_500);
    a.link.fate = () => "arrives";
    await pass(30_000);
    expect(a.terms).toHaveLength(1);
    expect(a.holds).toBe(true);
    expect(slow).toEqual(["lock"]);
  });

  test("leads after all when the answer to its first write is lost", async () => {
    const { start, pass } = world();
    const a = start("a");
    const fates = once<"answer lost">("create", "answer lost");
    a.link.fate = (verb) => fates(verb) ?? "arrives";
    await pass(10_000);
    expect(a.holds).toBe(true);
  });

  test("stops leading a renew deadline after the beginning of its last renewal, before anybody else leads", async () => {
    const { clock, startLeader, start, pass } = world();
    const a = await startLeader("a");
    const b = start("b");
    await pass(1_000);
    a.link.cut();
    const end = clock.now() + TIMES.renewDeadline;
    let overlaps = 0;
    while (!b.elector.isLeader) {
      await pass(20);
      if (a.holds && b.holds) overlaps += 1;
      if (clock.now() >= end) expect(a.term?.signal.aborted).toBe(true);
    }
    expect(overlaps).toBe(0);
    expect(a.term?.signal.reason).toBeInstanceOf(NotLeadingError);
    expect(a.log.of("warning")).toContain("lost the lease: standing by");
  });

  test("counts its deadline from the beginning of a renewal, though the answer is slow", async () => {
    const { clock, startLeader, pass } = world();
    const a = await startLeader("a", { latency: () => 600 });
    while (!a.link.requests.includes("update")) await pass(1);
    const begin = clock.now();
    await pass(1_300);
    a.link.cut();
    await pass(begin + TIMES.renewDeadline - clock.now() - 5);
    expect(a.holds).toBe(true);
    await pass(5);
    expect(a.holds).toBe(false);
  });

  test("that was stopped knows by the clock that its term is over, before its timers run", async () => {
    const { startLeader, pass } = world();
    const a = await startLeader("a");
    a.process.stop();
    await pass(3_000);
    expect(a.holds).toBe(true);
    await pass(2_000);
    expect(a.term?.signal.aborted).toBe(false);
    expect(() => a.term?.assertHeld()).toThrow(NotLeadingError);
    expect(a.term?.signal.aborted).toBe(true);
  });

  test("does not take a renewal for one that was answered after the end of the term", async () => {
    const { startLeader, pass } = world();
    const a = await startLeader("a", { latency: () => 50 });
    while (!a.link.requests.includes("update")) await pass(5);
    a.process.stop();
    await pass(5_000);
    const [first] = a.terms;
    await a.process.continue();
    expect(() => first?.assertHeld()).toThrow(NotLeadingError);
    await pass(300);
    expect(a.terms).toHaveLength(2);
    expect(a.holds).toBe(true);
  });

  test("whose Lease is stolen ends its term as soon as the watch tells", async () => {
    const { server, startLeader, pass } = world();
    const a = await startLeader("a");
    steal(server, "thief");
    await pass(10);
    expect(a.term?.signal.aborted).toBe(true);
    expect(String(a.term?.signal.reason)).toContain("lease system/lock is held by thief");
    expect(a.elector.leader).toBe("thief");
  });

  test("whose Lease is stolen finds out by its next renewal when the watch is dead", async () => {
    const { server, startLeader, pass } = world();
    const a = await startLeader("a");
    a.link.muteWatches();
    steal(server, "thief");
    await pass(1_000);
    expect(String(a.term?.signal.reason)).toContain("lease system/lock is held by thief");
    expect(server.lease?.spec?.holderIdentity).toBe("thief");
  });

  test("stands by when someone empties the Lease, since another may have it already", async () => {
    const { server, startLeader, pass } = world();
    const a = await startLeader("a");
    const [first] = a.terms;
    server.edit({ spec: { holderIdentity: "" } });
    await pass(200);
    expect(String(first?.signal.reason)).toContain("someone released lease");
    expect(a.terms).toHaveLength(2);
  });

  test("is not disturbed by a label", async () => {
    const { server, startLeader, pass } = world();
    const a = await startLeader("a");
    a.link.muteWatches();
    server.edit({ metadata: { labels: { x: "y" } } });
    await pass(10_000);
    expect(a.terms).toHaveLength(1);
    expect(a.holds).toBe(true);
    expect(server.lease?.metadata.labels).toEqual({ x: "y" });
  });

  test("makes a deleted Lease again at once, and its term goes on; a standby that knew it leaves it alone", async () => {
    const { server, startLeader, start, pass } = world();
    const a = await startLeader("a");
    const b = start("b");
    await pass(2_000);
    const before = server.lease?.spec;
    server.delete();
    await pass(10);
    expect(server.lease?.spec).toMatchObject({ holderIdentity: "a", acquireTime: before?.acquireTime });
    await pass(20_000);
    expect([a.terms.length, b.terms.length, a.holds]).toEqual([1, 0, true]);
    expect(b.link.requests).not.toContain("create");
  });

  test("loses its term when a deleted Lease is made again by another", async () => {
    const { server, startLeader, pass } = world();
    const a = await startLeader("a");
    a.link.muteWatches();
    server.delete();
    heldBy(server, "go", 6);
    await pass(1_000);
    expect(a.term?.signal.aborted).toBe(true);
    expect(server.lease?.spec?.holderIdentity).toBe("go");
  });

  test("leads again, with a new term, once the API server is back", async () => {
    const { startLeader, pass } = world();
    const a = await startLeader("a");
    a.link.cut();
    await pass(30_000);
    expect(a.holds).toBe(false);
    a.link.mend();
    await pass(15_000);
    expect(a.terms).toHaveLength(2);
    expect(a.holds).toBe(true);
  });
});

describe("a standby", () => {
  test("leads as soon as the Lease is released", async () => {
    const { startLeader, start, pass } = world();
    const a = await startLeader("a");
    const b = start("b");
    await pass(5_300);
    a.stop.abort();
    await pass(100);
    expect(b.holds).toBe(true);
    expect(b.log.of("info")).toContain("became leader");
  });

  test("sends nothing while its watch works and the leader renews", async () => {
    const { startLeader, start, pass } = world();
    await startLeader("a");
    const b = start("b");
    await pass(2_000);
    b.link.requests.length = 0;
    await pass(60_000);
    expect(b.link.requests).toEqual([]);
  });

  test("waits for as long as the Lease says, from when it saw the last renewal", async () => {
    const { server, start, pass } = world();
    heldBy(server, "go", 20);
    const a = start("a");
    await pass(15_000);
    steal(server, "go", 20);
    await pass(19_900);
    expect(a.terms).toEqual([]);
    await pass(200);
    expect(a.holds).toBe(true);
  });

  test("waits for its own duration where the Lease says none", async () => {
    const { server, start, pass } = world();
    heldBy(server, "go");
    const a = start("a");
    await pass(5_900);
    expect(a.terms).toEqual([]);
    await pass(200);
    expect(a.holds).toBe(true);
  });

  test("does not take a new label for a sign of life", async () => {
    const { server, start, pass } = world();
    heldBy(server, "go", 6);
    const a = start("a");
    await pass(5_000);
    server.edit({ metadata: { labels: { x: "y" } } });
    await pass(1_200);
    expect(a.holds).toBe(true);
  });

  test("asks once a retry period while its watch is broken, and so finds a release", async () => {
    const { startLeader, start, pass } = world();
    const a = await startLeader("a");
    const b = start("b");
    await pass(2_000);
    b.link.refuse = (verb) => (verb === "watch" || verb === "list" ? refusal(503, "ServiceUnavailable") : undefined);
    b.link.breakWatches();
    await pass(2_000);
    a.stop.abort();
    await pass(1_300);
    expect(b.holds).toBe(true);
  });

  test("finds a dead watch by its silence", async () => {
    const { startLeader, start, pass } = world();
    await startLeader("a");
    const b = start("b");
    await pass(2_000);
    b.link.muteWatches();
    await pass(3 * TIMES.leaseDuration);
    b.link.requests.length = 0;
    await pass(10_000);
    expect(b.link.requests).toEqual([]);
    expect(b.elector.leader).toBe("a");
  });

  test("that loses a race goes on watching", async () => {
    const { startLeader, start, pass } = world();
    const a = await startLeader("a");
    const others = ["b", "c", "d", "e"].map((identity) => start(identity));
    await pass(2_000);
    a.stop.abort();
    await pass(2_000);
    expect(others.filter(({ holds }) => holds)).toHaveLength(1);
    for (const { link } of others) link.requests.length = 0;
    await pass(5_000);
    expect(others.filter(({ link }) => link.requests.length > 0)).toHaveLength(1);
  });

  test("that has got the Lease is not disturbed by a watch that tells of the holder before", async () => {
    const { server, start, pass } = world();
    heldBy(server, "go", 6);
    const a = start("a");
    a.link.lag = 5_000;
    await pass(1_000);
    server.edit({ spec: { holderIdentity: "" } });
    await pass(1_500);
    expect(a.holds).toBe(true);
    await pass(10_000);
    expect(a.terms).toHaveLength(1);
    expect(a.holds).toBe(true);
  });

  test("with the identity of the holder is its successor, and takes the Lease at once", async () => {
    const { server, start, pass } = world();
    heldBy(server, "a", 600);
    const a = start("a");
    await pass(500);
    expect(a.holds).toBe(true);
    expect(server.lease?.spec?.leaseTransitions).toBe(4);
  });

  test("that was told to stop ends without touching the Lease", async () => {
    const { server, startLeader, start, pass } = world();
    await startLeader("a");
    const b = start("b");
    await pass(1_000);
    b.stop.abort();
    await pass(10);
    await b.ended;
    expect(server.lease?.spec?.holderIdentity).toBe("a");
  });

  test("that is told to stop while it gets the Lease gives it back, and does not lead", async () => {
    const { server, start, pass } = world();
    const a = start("a", { latency: () => 100 });
    await pass(260);
    expect(a.link.requests).toContain("create");
    expect(server.lease).toBeUndefined();
    a.stop.abort();
    await pass(1_000);
    await a.ended;
    expect(a.terms).toEqual([]);
    expect(server.lease?.spec?.holderIdentity).toBe("");
  });
});

describe("the work of a leader", () => {
  /** Work that ends when the test says so. */
  const work = () => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    return { lead: () => promise, finish: resolve, fail: reject };
  };

  test("drains under the Lease: it is renewed until the work has ended, and released then", async () => {
    const { server, startLeader, pass } = world();
    const { lead, finish } = work();
    const a = await startLeader("a", { lead });
    a.stop.abort();
    await pass(20_000);
    expect(a.holds).toBe(true);
    expect(server.lease?.spec?.holderIdentity).toBe("a");
    finish();
    await pass(10);
    await a.ended;
    expect(a.holds).toBe(false);
    expect(server.lease?.spec?.holderIdentity).toBe("");
    expect(a.log.of("info")).toContain("released the lease");
    expect(a.log.of("warning")).toEqual([]);
  });

  test("is waited for after its term was lost: there is no second term while it lasts", async () => {
    const { server, startLeader, pass } = world();
    const { lead, finish } = work();
    const a = await startLeader("a", { lead });
    server.edit({ spec: { holderIdentity: "" } });
    await pass(20_000);
    expect([a.terms.length, a.working]).toEqual([1, 1]);
    finish();
    await pass(200);
    expect(a.terms).toHaveLength(2);
  });

  test.each([
    ["fails", (work: { fail: (error: Error) => void }) => work.fail(new Error("no port")), "no port"],
    ["ends by itself", (work: { finish: () => void }) => work.finish(), "came to an end by itself"],
  ])("that %s ends the election, and the Lease is released", async (_what, end, message) => {
    const { server, startLeader, pass } = world();
    const its = work();
    const a = await startLeader("a", { lead: its.lead });
    end({ ...its, finish: () => its.finish() });
    await pass(10);
    expect(String(await a.ended)).toContain(message);
    expect(server.lease?.spec?.holderIdentity).toBe("");
  });

  test("that fails because its term was lost ends nothing", async () => {
    const { server, startLeader, pass } = world();
    const lead = async (term: Term) => {
      await untilAborted(term.signal);
      term.assertHeld();
    };
    const a = await startLeader("a", { lead });
    steal(server, "thief");
    await pass(10_000);
    expect(a.terms).toHaveLength(2);
    expect(a.log.of("error")).toEqual([]);
  });

  test("is left behind by a kill, with its term over and the Lease as it is", async () => {
    const { server, startLeader } = world();
    const a = await startLeader("a", { lead: work().lead });
    a.kill.abort(new Error("enough"));
    expect(await a.ended).toBeUndefined();
    expect(a.holds).toBe(false);
    expect(server.lease?.spec?.holderIdentity).toBe("a");
  });

  test("ends without a release where someone else has the Lease", async () => {
    const { server, startLeader, pass } = world();
    const { lead, finish } = work();
    const a = await startLeader("a", { lead });
    a.link.muteWatches();
    a.stop.abort();
    steal(server, "thief");
    finish();
    await pass(100);
    await a.ended;
    expect(server.lease?.spec?.holderIdentity).toBe("thief");
  });

  test("ends also when the Lease cannot be released, which is told", async () => {
    const { startLeader, pass } = world();
    const a = await startLeader("a");
    a.link.refuse = () => refusal(500, "InternalError");
    a.stop.abort();
    await pass(100);
    expect(await a.ended).toBeUndefined();
    expect(a.log.of("warning")).toEqual(["cannot release the lease: another can lead when it expires"]);
  });
});

describe("the log", () => {
  test("tells of each leader once", async () => {
    const { startLeader, start, pass } = world();
    const a = await startLeader("a");
    const b = start("b");
    await pass(10_000);
    a.stop.abort();
    await pass(10_000);
    expect(b.log.of("info")).toEqual(["standing by for the lease", "another leads", "became leader"]);
    expect(b.log.lines.find(({ message }) => message === "another leads")?.fields).toMatchObject({
      lease: "system/lock",
      leader: "a",
    });
  });

  test.each([
    ["a missing permission", refusal(403, "Forbidden"), 'not allowed to write lease: grant "get", "list", "watch"'],
    ["a missing namespace", refusal(404, "NotFound"), "cannot make lease: create namespace system"],
    ["a namespace that goes", refusal(403, "Forbidden", { cause: "NamespaceTerminating" }), "is being deleted"],
  ])("tells of %s once, and when it is mended", async (_what, error, message) => {
    const { start, pass } = world();
    const a = start("a");
    a.link.refuse = (verb) => (verb === "create" ? error : undefined);
    await pass(60_000);
    expect(a.log.of("error")).toEqual([expect.stringContaining(message)]);
    a.link.refuse = () => undefined;
    await pass(10_000);
    expect(a.holds).toBe(true);
    expect(a.log.of("info")).toEqual(["standing by for the lease", "lease is within reach again", "became leader"]);
  });

  test("tells of an API server that is away once, at the first failure where nothing has worked yet", async () => {
    const { start, pass } = world();
    const a = start("a");
    a.link.refuse = (verb) => (verb === "get" ? refusal(503, "ServiceUnavailable") : undefined);
    await pass(60_000);
    expect(a.log.of("warning")).toEqual(["cannot read lease; trying again"]);
  });

  test("tells of each outage of a standby, and that it is over when its watch works again, though it asks nothing then", async () => {
    const { startLeader, start, pass } = world();
    await startLeader("a");
    const b = start("b");
    await pass(5_000);
    const outage = async () => {
      const lost = new ConnectionError("GET /lease", { cause: new Error("refused"), sent: false });
      b.link.refuse = () => lost;
      b.link.breakWatches();
      await pass(20_000);
      // The watch is sooner than the next request, which is not needed any more.
      b.link.refuse = (verb) => (verb === "get" ? lost : undefined);
      await pass(60_000);
    };
    await outage();
    await outage();
    const told = b.log.lines.filter(({ message }) => message.includes("API server")).map(({ message }) => message);
    const away = "cannot reach the API server: check that it runs, its address and its CA; trying again";
    const back = "the API server answers again";
    expect(told).toEqual(told.map((_, i) => (i % 2 === 0 ? away : back)));
    expect(told.at(-1)).toBe(back);
    expect(told.length).toBeGreaterThanOrEqual(4);
  });

  test("says nothing of one renewal that fails", async () => {
    const { startLeader, pass } = world();
    const a = await startLeader("a");
    const refusals = once("update", refusal(500, "InternalError"));
    a.link.refuse = (verb) => refusals(verb);
    await pass(5_000);
    expect(a.holds).toBe(true);
    expect(a.log.lines.filter(({ level }) => level !== "debug").map(({ message }) => message)).toEqual([
      "standing by for the lease",
      "became leader",
    ]);
  });

  test("names what the last renewal failed with when the Lease is lost", async () => {
    const { startLeader, pass } = world();
    const a = await startLeader("a");
    a.link.refuse = (verb) => (verb === "update" ? refusal(403, "Forbidden", { message: "no more" }) : undefined);
    await pass(5_000);
    const lost = a.log.lines.find(({ message }) => message.startsWith("lost the lease"));
    expect(String(lost?.fields.cause)).toMatch(/was not renewed within 4 s \(last: PUT .*: no more\)/);
  });
});
