/*
 * Invariants:
 * - Standard input is read once, however often it is named.
 * - The time that it takes to come is told, however it ends; files take none of it.
 */
import { expect, test } from "vitest";
import { Sources } from "../../../src/cli/input/sources.ts";
import { Folder } from "../support.ts";

/** Standard input that takes six seconds, by a clock that only it moves. */
const slowInput = (end: () => Buffer) => {
  let now = 1_000;
  const stdin = async () => {
    now += 6_000;
    return end();
  };
  return { stdin, uptime: () => now };
};

test("the time that standard input takes is told, once for all flags that name it", async () => {
  const sources = new Sources(slowInput(() => Buffer.from("a: 1")));
  expect(sources.waited).toBe(0);
  expect(await sources.read(["-"])).toEqual([{ file: "standard input", text: "a: 1" }]);
  expect(await sources.read(["-"])).toHaveLength(1);
  expect(sources.waited).toBe(6_000);
});

test("standard input that breaks off has taken its time too", async () => {
  const sources = new Sources(
    slowInput(() => {
      throw new Error("broken");
    }),
  );
  await expect(sources.read(["-"])).rejects.toThrow("standard input: broken");
  expect(sources.waited).toBe(6_000);
});

test("files are no waiting", async () => {
  const folder = await Folder.with({ "a.yaml": "a: 1" });
  let now = 0;
  const sources = new Sources({ stdin: async () => Buffer.of(), uptime: () => now++ });
  await sources.read([`${folder.path}/a.yaml`]);
  expect(sources.waited).toBe(0);
});
