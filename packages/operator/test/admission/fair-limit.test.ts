/*
 * Invariants:
 * - No more is under way than the limit, in all and of each user, and nothing waits that has room.
 * - All work is done once, in the order in which it came as far as the limits let it.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { CrowdedError, FairLimit } from "../../src/admission/fair-limit.ts";

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("one user who asks for everything leaves room for another", async () => {
  const limit = new FairLimit({ all: 3, perUser: 2, waiting: 10 });
  const begun: string[] = [];
  const never = (name: string) => () => {
    begun.push(name);
    return new Promise<void>(() => {});
  };
  for (let i = 0; i < 5; i++) void limit.run("mallory", never("mallory"));
  void limit.run("alice", never("alice"));
  await settled();
  expect(begun).toEqual(["mallory", "mallory", "alice"]);
});

test("work beyond what may wait is refused", async () => {
  const limit = new FairLimit({ all: 1, perUser: 1, waiting: 1 });
  const gate = Promise.withResolvers<number>();
  const first = limit.run("a", () => gate.promise);
  const second = limit.run("a", async () => 2);
  await expect(limit.run("b", async () => 3)).rejects.toThrow(CrowdedError);
  gate.resolve(1);
  expect(await Promise.all([first, second])).toEqual([1, 2]);
  expect(await limit.run("b", async () => 3)).toBe(3);
});

test("work that fails makes room as work that does not", async () => {
  const limit = new FairLimit({ all: 1, perUser: 1, waiting: 1 });
  await expect(limit.run("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await limit.run("a", async () => 1)).toBe(1);
});

test("whatever comes and ends in whatever order, the limits hold and nothing waits that has room", async () => {
  const user = fc.constantFrom("a", "b", "c");
  const step = fc.oneof(user, fc.nat({ max: 20 }));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const limit = new FairLimit({ all: 4, perUser: 2, waiting: 100 });
      const running: { readonly user: string; readonly end: () => void }[] = [];
      const asked = new Map<string, number>();
      for (const each of steps) {
        if (typeof each === "number") running.splice(each % Math.max(1, running.length), 1)[0]?.end();
        else {
          asked.set(each, (asked.get(each) ?? 0) + 1);
          const begin = () =>
            new Promise<void>((end) => {
              running.push({ user: each, end });
            });
          void limit.run(each, begin).then(() => asked.set(each, (asked.get(each) ?? 0) - 1));
        }
        await settled();
        const of = (name: string) => running.filter((one) => one.user === name).length;
        for (const name of asked.keys()) expect(of(name)).toBeLessThanOrEqual(2);
        const possible = [...asked.values()].reduce((sum, count) => sum + Math.min(count, 2), 0);
        expect(running.length).toBe(Math.min(4, possible));
      }
    }),
    { numRuns: 200 },
  );
});
