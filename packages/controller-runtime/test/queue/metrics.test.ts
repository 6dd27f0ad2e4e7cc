/**
 * What Prometheus sees:
 *
 * - Names, labels and buckets are those of controller-runtime.
 * - A key counts as added, and as depth, once it is due, and once however often it is added.
 * - Counters outlive a queue; a closed queue is let go.
 * - The number of series is bounded, whatever priorities are used.
 */
import { Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { registerWorkQueueMetrics } from "../../src/queue/metrics.ts";
import { Priority } from "../../src/queue/priority.ts";
import { drain, newQueue } from "./rig.ts";

const rig = (name = "pod") => {
  const registry = new Registry();
  const metrics = registerWorkQueueMetrics(registry);
  /** The value of a series by the text before it. */
  const read = async (series: string): Promise<number | undefined> => {
    const line = (await registry.metrics()).split("\n").find((text) => text.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  };
  return { registry, metrics, read, ...newQueue({ name, metrics }) };
};

const LABELS = 'name="pod",controller="pod"';

describe("depth", () => {
  test("is told by priority, of keys that are due", async () => {
    const { queue, read } = rig();
    queue.add("a/1");
    queue.add("a/2", { priority: Priority.bulk });
    queue.add("a/3", { priority: Priority.bulk });
    queue.add("a/later", { after: 100 });
    expect(await read(`workqueue_depth{${LABELS},priority="0"}`)).toBe(1);
    expect(await read(`workqueue_depth{${LABELS},priority="-100"}`)).toBe(2);
  });

  test("goes to 0 and stays when the last key of a priority is gone", async () => {
    const { queue, read } = rig();
    queue.add("a/2", { priority: Priority.bulk });
    await read("");
    drain(queue);
    expect(await read(`workqueue_depth{${LABELS},priority="-100"}`)).toBe(0);
  });

  test("puts priorities together once there are too many", async () => {
    const { queue, registry, read } = rig();
    for (let priority = 1; priority <= 100; priority += 1) queue.add(`a/${priority}`, { priority });
    const series = (await registry.metrics()).split("\n").filter((line) => line.startsWith("workqueue_depth{"));
    expect(series).toHaveLength(26);
    // Priority 0 takes one of the 25 places.
    expect(await read(`workqueue_depth{${LABELS},priority="exceeded_cardinality_limit"}`)).toBe(76);
  });
});

test("adds count keys that became due, once each", async () => {
  const { queue, clock, read } = rig();
  queue.add("a/1");
  queue.add("a/1");
  queue.add("a/2", { after: 100 });
  expect(await read(`workqueue_adds_total{${LABELS}}`)).toBe(1);
  clock.advance(100);
  expect(await read(`workqueue_adds_total{${LABELS}}`)).toBe(2);
});

test("retries count adds with a delay or after a failure", async () => {
  const { queue, read } = rig();
  queue.add("a/1");
  queue.add("a/2", { after: 100 });
  queue.add("a/3", { rateLimited: true });
  expect(await read(`workqueue_retries_total{${LABELS}}`)).toBe(2);
});

test("durations are seconds in line and seconds at work, in decades from 10 ns", async () => {
  const { queue, clock, read } = rig();
  queue.add("a/1");
  clock.advance(200);
  queue.tryGet();
  clock.advance(5_000);
  queue.done("a/1");
  expect(await read(`workqueue_queue_duration_seconds_sum{${LABELS}}`)).toBeCloseTo(0.2);
  expect(await read(`workqueue_queue_duration_seconds_bucket{le="0.1",${LABELS}}`)).toBe(0);
  expect(await read(`workqueue_queue_duration_seconds_bucket{le="1",${LABELS}}`)).toBe(1);
  expect(await read(`workqueue_work_duration_seconds_sum{${LABELS}}`)).toBeCloseTo(5);
  expect(await read(`workqueue_work_duration_seconds_bucket{le="+Inf",${LABELS}}`)).toBe(1);
  expect(await read(`workqueue_work_duration_seconds_count{${LABELS}}`)).toBe(1);
  expect(await read(`workqueue_work_duration_seconds_bucket{le="1e-8",${LABELS}}`)).toBe(0);
});

test("work in progress is told as the sum and the longest, at the time of the scrape", async () => {
  const { queue, clock, read } = rig();
  queue.add("a/1");
  queue.add("a/2");
  queue.tryGet();
  clock.advance(3_000);
  queue.tryGet();
  clock.advance(1_000);
  expect(await read(`workqueue_unfinished_work_seconds{${LABELS}}`)).toBe(5);
  expect(await read(`workqueue_longest_running_processor_seconds{${LABELS}}`)).toBe(4);
});

test("the oldest key is the one that was due first, at the time of the scrape, whatever its priority is now", async () => {
  const { queue, clock, read } = rig();
  const oldest = () => read(`workqueue_oldest_key_seconds{${LABELS}}`);
  queue.add("a/later", { after: 60_000 });
  expect(await oldest()).toBe(0);
  queue.add("a/1");
  clock.advance(2_000);
  queue.add("a/2");
  queue.add("a/1", { priority: 10 });
  clock.advance(1_000);
  expect(await oldest()).toBe(3);
  queue.tryGet();
  expect(await oldest()).toBe(1);
  drain(queue);
  expect(await oldest()).toBe(0);
});

test("a queue that is closed leaves its counters, at which the next of its name goes on", async () => {
  const { queue, metrics, read } = rig();
  queue.add("a/1");
  await queue.shutDown();
  const { queue: next } = newQueue({ name: "pod", metrics });
  next.add("a/2");
  expect(await read(`workqueue_adds_total{${LABELS}}`)).toBe(2);
  expect(await read(`workqueue_depth{${LABELS},priority="0"}`)).toBe(1);
});

test("queues of one registry are told apart by name", async () => {
  const { queue, metrics, read } = rig();
  newQueue({ name: "watcher", metrics }).queue.add("a/1");
  queue.add("a/1");
  queue.add("a/2");
  expect(await read('workqueue_adds_total{name="watcher",controller="watcher"}')).toBe(1);
  expect(await read(`workqueue_adds_total{${LABELS}}`)).toBe(2);
});
