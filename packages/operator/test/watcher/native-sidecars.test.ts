/*
 * Whether the API server has native sidecars. Invariants:
 * - Nothing is claimed before the API server has said so, and what it said stays while it is silent.
 * - It is asked again, so an upgrade is noticed; and where it will never say, that ends in an assumption.
 */
import { type Client, type Clock, ForbiddenError, silentLogger } from "@pcmc/controller-runtime";
import { expect, test, vi } from "vitest";
import { hasNativeSidecars, NativeSidecars } from "../../src/watcher/native-sidecars.ts";

test.each([
  ["1", "28", false],
  ["1", "29", true],
  ["1", "29+", true],
  ["1", "36", true],
  ["2", "0", true],
  ["", "", undefined],
])("version %s.%s: %s", (major, minor, expected) => {
  expect(hasNativeSidecars({ major, minor })).toBe(expected);
});

test("what is no version says nothing", () => {
  for (const nothing of [undefined, null, "1.36", {}]) expect(hasNativeSidecars(nothing)).toBeUndefined();
});

type Answer = () => unknown;

/** One that is running, with the answers it will get, and timers that go off when they are told to. */
const started = (...answers: Answer[]) => {
  const timers: { readonly delay: number; readonly fire: () => void }[] = [];
  const clock: Clock = {
    now: () => 0,
    date: () => new Date(0),
    after: (delay, fire) => {
      timers.push({ delay, fire });
      return { cancel: () => {} };
    },
  };
  const raw: Client["raw"] = async () => (answers.shift() ?? (() => ({ major: "1", minor: "36" })))();
  const sidecars = new NativeSidecars({ client: { raw }, clock, random: () => 0, log: silentLogger });
  const stop = new AbortController();
  const running = sidecars.run({ stop: stop.signal });
  return {
    sidecars,
    /** The wait after the question that is out, once that has been answered. */
    async waits(): Promise<number> {
      await vi.waitFor(() => expect(timers).toHaveLength(1));
      return timers[0]?.delay ?? 0;
    },
    async goOn(): Promise<void> {
      await this.waits();
      timers.shift()?.fire();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
};

const HOUR = 3_600_000;
const version = (minor: string) => () => ({ major: "1", minor });
const failing = (error: Error) => () => {
  throw error;
};

test("it is not known before the answer, and then for an hour", async () => {
  await using run = started(version("36"));
  expect(run.sidecars.supported).toBeUndefined();
  expect(await run.waits()).toBe(HOUR);
  expect(run.sidecars.supported).toBe(true);
});

test("an upgrade is noticed, and so is its way back", async () => {
  await using run = started(version("28"), version("29"), version("28"));
  await run.waits();
  expect(run.sidecars.supported).toBe(false);
  await run.goOn();
  await run.waits();
  expect(run.sidecars.supported).toBe(true);
  await run.goOn();
  await run.waits();
  expect(run.sidecars.supported).toBe(false);
});

test("an API server that is away is asked again soon; nothing is claimed meanwhile", async () => {
  await using run = started(failing(new Error("connection refused")), version("28"));
  expect(await run.waits()).toBeLessThan(1_000);
  expect(run.sidecars.supported).toBeUndefined();
  await run.goOn();
  expect(await run.waits()).toBe(HOUR);
  expect(run.sidecars.supported).toBe(false);
});

test("what was known stays while it is away", async () => {
  await using run = started(version("28"), failing(new Error("connection refused")));
  await run.goOn();
  await run.waits();
  expect(run.sidecars.supported).toBe(false);
});

test("where the version may not be read, or is none, native sidecars are assumed", async () => {
  const forbidden = new ForbiddenError({ status: { code: 403, message: "no" }, request: "GET /version" });
  for (const answer of [failing(forbidden), () => ({})]) {
    await using run = started(answer);
    expect(await run.waits()).toBe(HOUR);
    expect(run.sidecars.supported).toBe(true);
  }
});
