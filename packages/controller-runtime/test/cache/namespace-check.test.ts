/*
 * Invariants
 * - A namespace that does not exist is told once, and once more when it does.
 * - Where it may not be looked for, nothing is said and it is not asked for again.
 * - Nothing else ends the looking but the signal; no timer stays.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { NamespaceCheck } from "../../src/cache/namespace-check.ts";
import type { Client } from "../../src/client/client.ts";
import { ConnectionError } from "../../src/errors.ts";
import type { KubernetesObject, ObjectKey, Stored } from "../../src/object.ts";
import type { Resource } from "../../src/resource.ts";
import { FakeClock, settled } from "../support/fake-clock.ts";
import { type RecordedLog, recordedLog } from "../support/recorded-log.ts";
import { refusal } from "../support/scripted-api.ts";

let clock: FakeClock;
let log: RecordedLog;
let stop: AbortController;
let asked: string[];
/** What is thrown for a namespace; those that are not named exist. */
let answers: Map<string, Error>;
let running: Promise<void>;

const client: Pick<Client, "get"> = {
  get: async <T extends KubernetesObject>(resource: Resource<T>, { name }: ObjectKey) => {
    asked.push(`${resource.plural}/${name}`);
    const error = answers.get(name);
    if (error !== undefined) throw error;
    // The cast is the boundary: nobody looks at it.
    return { metadata: { name, uid: "u", resourceVersion: "1" } } as Stored<T>;
  },
};

beforeEach(() => {
  clock = new FakeClock();
  log = recordedLog();
  stop = new AbortController();
  asked = [];
  answers = new Map();
});
afterEach(async () => {
  stop.abort();
  await running;
  expect(clock.timers).toBe(0);
});

const start = async (...namespaces: string[]) => {
  running = new NamespaceCheck({ client, clock, random: () => 0, log }).run(namespaces, stop.signal);
  await settled();
};
const said = () => log.lines.map(({ level, message }) => `${level}: ${message}`);

test("says once of a missing namespace that it is, and once that it exists now", async () => {
  answers.set("gone", refusal(404, "NotFound"));
  await start("here", "gone");
  await clock.advanceAndSettle(60_000);
  const missing = "warning: namespace gone does not exist: create it, or do not name it; waiting for it";
  expect(said()).toEqual([missing]);
  answers.clear();
  await clock.advanceAndSettle(60_000);
  expect(said()).toEqual([missing, "info: namespace gone exists now"]);
  await running;
});

test("asks once for a namespace that exists, and for one that may not be looked for", async () => {
  answers.set("closed", refusal(403, "Forbidden"));
  await start("here", "closed");
  await clock.advanceAndSettle(600_000);
  expect(asked).toEqual(["namespaces/here", "namespaces/closed"]);
  expect(said()).toEqual([]);
});

test("asks ever more slowly, no more than twice a minute in the end", async () => {
  answers.set("gone", refusal(404, "NotFound"));
  await start("gone");
  await clock.advanceAndSettle(600_000);
  asked = [];
  await clock.advanceAndSettle(600_000);
  expect(asked).toHaveLength(20);
});

test("asks again where there was no answer, and says nothing of that", async () => {
  answers.set("x", new ConnectionError("GET /", { cause: new Error("reset"), sent: false }));
  await start("x");
  answers.clear();
  await clock.advanceAndSettle(1_000);
  await running;
  expect(asked).toHaveLength(2);
  expect(said()).toEqual([]);
});
