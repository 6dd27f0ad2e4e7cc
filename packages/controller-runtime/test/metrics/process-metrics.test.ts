/*
 * Invariants
 * - All names of prom-client's default metrics are there, each once, and the limit of memory.
 * - A limit that is none, or that no memory could reach, is not told.
 * - The event loop's lag is what it was late, without the time between two looks at it.
 */
import { collectDefaultMetrics, Registry } from "prom-client";
import { expect, onTestFinished, test } from "vitest";
import { memoryLimit, processMetrics } from "../../src/metrics/process-metrics.ts";
import { settled } from "../support/fake-clock.ts";

const start = () => {
  const registry = new Registry();
  const measuring = processMetrics(registry);
  onTestFinished(() => measuring[Symbol.dispose]());
  return registry;
};

const read = async (registry: Registry, name: string): Promise<number> =>
  Number(new RegExp(`^${name} (\\S+)$`, "m").exec(await registry.metrics())?.[1]);

test("the names are those of prom-client, and one more", async () => {
  const theirs = new Registry();
  collectDefaultMetrics({ register: theirs, eventLoopMonitoringPrecision: 1_000_000 });
  const namesOf = (registry: Registry) =>
    registry
      .getMetricsAsArray()
      .map(({ name }) => name)
      .sort();
  expect(namesOf(start())).toEqual([...namesOf(theirs), "process_memory_limit_bytes"].sort());
});

test.each([
  ["a limit", 512, [512]],
  ["no limit, as cgroups of version 1 say it", 2 ** 63, []],
  ["no limit, as Node says it where there is no cgroup", 0, []],
])("of %s the metric is what it should be", (_, constrained, expected) => {
  expect(memoryLimit(constrained, 4_096)).toEqual(expected);
});

test("an event loop that was blocked shows in the next scrape, and not in the one after", async () => {
  const registry = start();
  /** The longest lag since the look before; a look that comes too soon after another finds nothing. */
  const longest = () => read(registry, "nodejs_eventloop_lag_max_seconds");
  const polling = { interval: 500, timeout: 20_000 };
  await expect
    .poll(async () => {
      block(400);
      await settled();
      return await longest();
    }, polling)
    .toBeGreaterThan(0.2);
  await expect.poll(longest, polling).toBeLessThan(0.2);
});

const block = (milliseconds: number): void => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
};
