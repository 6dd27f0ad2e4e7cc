/*
 * Invariants:
 * - The API server is asked once for each generation of a Watcher, and nobody waits for the answer.
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
  let asked = 0;
  const fields = new DroppedFields({
    server: {
      unknownIn: async () => {
        asked++;
        const answer = answers.shift() ?? [];
        if (answer instanceof Error) throw answer;
        return answer;
      },
    },
    log: silentLogger,
    onFound: found.resolve,
  });
  return { fields, found: found.promise, asked: () => asked };
};

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
