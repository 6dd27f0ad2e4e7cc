/*
 * Invariants
 * - A trouble that several watches have is told once, when the first gets it, and once more when the last is rid of it.
 * - Of what must not be read, the line names all resources of the namespace that are refused within a second, no other one's.
 * - What is over before it was told is never told.
 * - An end leaves no timer.
 */
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Health } from "../../src/cache/health.ts";
import { SilentError } from "../../src/cache/liveness.ts";
import type { Problem } from "../../src/cache/reflector.ts";
import { Troubles } from "../../src/cache/troubles.ts";
import { ConnectionError, DeadlineError } from "../../src/errors.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { type RecordedLog, recordedLog } from "../support/recorded-log.ts";
import { refusal } from "../support/scripted-api.ts";

let clock: FakeClock;
let log: RecordedLog;
let troubles: Troubles;
beforeEach(() => {
  clock = new FakeClock();
  log = recordedLog();
  troubles = new Troubles({ clock, log });
});

const watchOf = (resource: string, namespace = "") => new Health({ watched: { resource, namespace }, troubles, log });
const said = () => log.lines.filter(({ level }) => level !== "debug").map(({ message }) => message);

const failing = (error: unknown): Problem => ({ kind: "failing", error });
const refused = failing(
  new ConnectionError("GET /api/v1/pods", { cause: new Error("connect ECONNREFUSED"), sent: false }),
);
const forbidden: Problem = { kind: "forbidden", error: refusal(403, "Forbidden") };

const AWAY = "cannot reach the API server: check that it runs, its address and its CA; trying again";
const BACK = "the API server answers again";

describe("trouble of the API server", () => {
  test("is told once for all watches, with the cause, and once when the last of them works again", () => {
    const watches = ["pods", "configmaps", "leases"].map((resource) => watchOf(resource));
    for (const watch of [...watches, ...watches]) watch.onProblem(refused);
    expect(said()).toEqual([AWAY]);
    expect(log.lines.find(({ message }) => message === AWAY)?.fields).toEqual({
      cause: "GET /api/v1/pods: connect ECONNREFUSED",
    });
    for (const watch of watches) {
      expect(said()).toEqual([AWAY]);
      watch.onProgress();
    }
    expect(said()).toEqual([AWAY, BACK]);
  });

  test.each([
    ["does not answer: check its load", failing(new DeadlineError("GET /", 30_000))],
    ["does not answer: check its load", failing(new SilentError(150_000))],
    ["does not accept our credentials: renew them", failing(refusal(401, "Unauthorized"))],
    ["connections to the API server break", failing(new ConnectionError("GET /", { cause: "reset", sent: true }))],
  ])("says what to do: %s", (text, problem) => {
    for (const resource of ["pods", "configmaps"]) watchOf(resource).onProblem(problem);
    expect(said()).toEqual([expect.stringContaining(text)]);
  });

  test("that the server tells in the same words for each resource is told once", () => {
    for (const resource of ["pods", "configmaps"]) watchOf(resource).onProblem(failing(refusal(500, "etcd is away")));
    expect(said()).toEqual(["cannot watch pods; trying again"]);
  });

  test("of one resource alone is told beside that of another", () => {
    watchOf("pods").onProblem(failing(refusal(500, "a webhook does not convert")));
    watchOf("leases").onProblem(failing(refusal(500, "etcd is away")));
    expect(said()).toEqual(["cannot watch pods; trying again", "cannot watch leases; trying again"]);
  });
});

describe("what must not be read", () => {
  test("is told once for each namespace, with all resources, and once when all may be read", () => {
    const watches = ["x", "y"].flatMap((namespace) => ["pods", "leases"].map((name) => watchOf(name, namespace)));
    for (const watch of watches) watch.onProblem(forbidden);
    expect(said()).toEqual([]);
    clock.advance(1_000);
    const remedy = 'grant "list" and "watch" there, or create the namespace if it is missing; waiting for it';
    const lines = ["x", "y"].map(
      (name) => `not allowed to list and watch leases, pods in namespace ${name}: ${remedy}`,
    );
    expect(said()).toEqual(lines);
    watches[0]?.onProgress();
    expect(said()).toEqual(lines);
    watches[1]?.onProgress();
    expect(said()).toEqual([...lines, "allowed to list and watch again"]);
    expect(log.lines.at(-1)?.fields).toEqual({ namespace: "x" });
  });

  test("is told for the resource that is refused later, too", () => {
    watchOf("pods").onProblem(forbidden);
    clock.advance(1_000);
    watchOf("leases").onProblem(forbidden);
    clock.advance(1_000);
    expect(said()).toEqual(
      ["pods", "leases"].map(
        (name) => `not allowed to list and watch ${name}: grant "list" and "watch"; waiting for it`,
      ),
    );
  });

  test("for a moment only, as while an API server starts, is not told", () => {
    const watch = watchOf("pods");
    watch.onProblem(forbidden);
    clock.advance(999);
    watch.onProgress();
    clock.advance(10_000);
    expect([said(), clock.timers]).toEqual([[], 0]);
  });
});

test("a CRD that is missing in all namespaces is told once", () => {
  for (const namespace of ["x", "y"]) watchOf("pcmcs", namespace).onProblem({ kind: "missing", error: new Error() });
  expect(said()).toEqual(["the API server does not know pcmcs: install its CRD; waiting for it"]);
});

test("a watch that is ended says no more, and holds up no other", () => {
  const [ended, other] = [watchOf("pods"), watchOf("leases")];
  for (const watch of [ended, other]) watch.onProblem(refused);
  ended.end();
  other.onProgress();
  expect(said()).toEqual([AWAY, BACK]);
});

const step = fc.record({
  watch: fc.nat(3),
  what: fc.constantFrom<"works" | "ends" | Problem>("works", "ends", refused, forbidden),
  wait: fc.constantFrom(0, 400, 1_000),
});

test("whatever comes, an outage is told when the first watch has it and when the last works again", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      clock = new FakeClock();
      log = recordedLog();
      troubles = new Troubles({ clock, log });
      const watches = ["pods", "leases", "secrets", "nodes"].map((resource) => watchOf(resource));
      const away = new Set<number>();
      const expected: string[] = [];
      for (const { watch, what, wait } of steps) {
        if (what === refused) {
          if (away.size === 0) expected.push(AWAY);
          away.add(watch);
          watches[watch]?.onProblem(what);
        } else {
          if (away.delete(watch) && away.size === 0 && what === "works") expected.push(BACK);
          if (what === "works") watches[watch]?.onProgress();
          else if (what === "ends") watches[watch]?.end();
          else watches[watch]?.onProblem(what);
        }
        clock.advance(wait);
      }
      expect(said().filter((line) => line === AWAY || line === BACK)).toEqual(expected);
      for (const watch of watches) watch.end();
      expect(clock.timers).toBe(0);
    }),
  );
});
