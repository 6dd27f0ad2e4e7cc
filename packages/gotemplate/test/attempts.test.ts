/*
 * Invariants:
 * - Templates that have broken their worker are not tried again, and nothing is when none is left.
 * - What a worker may have to parse once more is not taken off the time of a render, and no message tells of it; all attempts
 *   together still come to an end.
 */
import { expect, test } from "vitest";
import { compileProgram } from "../src/compiler.ts";
import { programOf } from "../src/program.ts";
import { renderProgram } from "../src/renderer.ts";
import type { Outcome, Work } from "../src/task.ts";

/** A pool that does nothing, and takes all the time that it is given. */
class LatePool {
  readonly given: Work[] = [];

  async run(work: Work): Promise<Outcome> {
    this.given.push(work);
    const index = work.render?.indices[0] ?? work.without.size;
    return { kind: "late", place: { index, line: 1, column: 1 }, rendered: [], elapsed: work.deadline };
  }
}

const templates = (count: number) => programOf(1, Array<string>(count).fill("x"), false);

const rendering = (count: number, parseTime: number) => ({
  program: templates(count),
  indices: Array.from({ length: count }, (_, index) => index),
  data: "{}",
  maxOutput: 1_000,
  deadline: 1_000,
  parseTime,
});

test.each([1, 2])("%i templates that are all late are tried no more", async (count) => {
  const pool = new LatePool();
  const { outcomes } = await compileProgram(pool, templates(count), { deadline: 1_000 });
  expect(outcomes.map((outcome) => "reason" in outcome && outcome.reason)).toEqual(Array(count).fill("deadline"));
  expect(pool.given).toHaveLength(count);
});

test.each([
  ["small", 49, 1_000],
  ["large", 300, 1_600],
  ["very large", 5_000, 3_000],
])("templates that are %s are rendered in their time and that of parsing them again", async (_, parseTime, given) => {
  const pool = new LatePool();
  const results = await renderProgram(pool, rendering(1, parseTime));
  expect(pool.given.map(({ deadline }) => deadline)).toEqual([given]);
  expect(results.get(0)).toMatchObject({ reason: "deadline", detail: "took longer than 1000 ms" });
});

test("very many large templates that are all late come to an end", async () => {
  const pool = new LatePool();
  const results = await renderProgram(pool, rendering(10_000, 5_000));
  expect(results.size).toBe(10_000);
  expect(pool.given.reduce((sum, { deadline }) => sum + deadline, 0)).toBeLessThan(10_000);
});
