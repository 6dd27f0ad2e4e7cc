/*
 * Invariants:
 * - The API server is asked once for each generation of a Watcher, and nobody waits for the answer.
 * - An answer counts as long as what it came from; then it stands until the next one is there.
 * - With the term the questions end.
 * - A question that failed is asked again at the next look.
 */
import { silentLogger } from "@pcmc/controller-runtime";
import { expect, test } from "vitest";
import { DroppedFields } from "../../src/watcher/dropped-fields.ts";
import { container, storedWatcher } from "./stored.ts";

const spec = { container };
const generation = (number: number) => storedWatcher("logs", {}, { metadata: { generation: number } });

/** One whose answers are at hand, in this order. */
const asking = (answers: (readonly string[] | Error)[]) => {
  const found = Promise.withResolvers<string>();
  const term = new AbortController();
  const signals: (AbortSignal | undefined)[] = [];
  let now = 0;
  const fields = new DroppedFields({
    server: {
      unknownIn: async (_, signal) => {
        signals.push(signal);
        const answer = answers.shift() ?? [];
        if (answer instanceof Error) throw answer;
        return { fields: answer, expires: now + LASTS };
      },
    },
    clock: { now: () => now },
    signal: term.signal,
    log: silentLogger,
    onFound: found.resolve,
  });
  const advance = (milliseconds: number) => {
    now += milliseconds;
  };
  return { fields, found: found.promise, asked: () => signals.length, signals, term, advance };
};
const LASTS = 1_000;

test("the answer is not waited for, and told once it is there", async () => {
  const { fields, found, asked } = asking([["spec.container.later"]]);
  expect(fields.of(generation(1), spec)).toBeUndefined();
  expect(fields.of(generation(1), spec)).toBeUndefined();
  expect(await found).toBe("shop/logs");
  expect(fields.of(generation(1), spec)).toEqual(["spec.container.later"]);
  expect(asked()).toBe(1);
});

test("another generation is asked about anew", async () => {
  const { fields, found, asked } = asking([["spec.container.later"], []]);
  fields.of(generation(1), spec);
  await found;
  expect(fields.of(generation(2), spec)).toBeUndefined();
  expect(asked()).toBe(2);
});

test("a question that failed is asked again", async () => {
  const { fields, found, asked } = asking([new Error("no answer"), []]);
  expect(fields.of(generation(1), spec)).toBeUndefined();
  // The refusal is a few turns of the event loop away.
  await expect.poll(() => fields.of(generation(1), spec) ?? asked()).toEqual([]);
  expect(await found).toBe("shop/logs");
  expect(asked()).toBe(2);
});

test("an API server that has been upgraded is asked again, and the former answer stands until then", async () => {
  const { fields, found, asked, advance } = asking([["spec.container.later"], []]);
  fields.of(generation(1), spec);
  await found;
  advance(LASTS - 1);
  fields.of(generation(1), spec);
  expect(asked()).toBe(1);
  advance(1);
  expect(fields.of(generation(1), spec)).toEqual(["spec.container.later"]);
  await expect.poll(() => fields.of(generation(1), spec)).toEqual([]);
  expect(asked()).toBe(2);
});

test("where the API server gives no second answer the first one stands", async () => {
  const { fields, found, asked, advance } = asking([["spec.container.later"], new Error("no answer"), []]);
  fields.of(generation(1), spec);
  await found;
  advance(LASTS);
  expect(fields.of(generation(1), spec)).toEqual(["spec.container.later"]);
  await expect.poll(() => fields.of(generation(1), spec)).toEqual([]);
  expect(asked()).toBe(3);
});

test("a question ends with the term", () => {
  const { fields, signals, term } = asking([]);
  fields.of(generation(1), spec);
  term.abort();
  expect(signals).toEqual([term.signal]);
});
