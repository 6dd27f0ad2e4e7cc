/**
 * What the work queue costs: nanoseconds per operation with 100,000 keys. Run it with `node bench/queue.ts`.
 */
import { systemClock } from "../packages/controller-runtime/src/clock.ts";
import { Priority } from "../packages/controller-runtime/src/queue/priority.ts";
import { QueueCounts } from "../packages/controller-runtime/src/queue/queue-counts.ts";
import { WorkQueue, type WorkQueueOptions } from "../packages/controller-runtime/src/queue/work-queue.ts";

const KEYS = 100_000;
const ROUNDS = 7;

const newQueue = (options: Partial<WorkQueueOptions> = {}): WorkQueue =>
  new WorkQueue({ name: "bench", clock: systemClock, random: Math.random, ...options });

const keysOf = (flows: number): string[] => Array.from({ length: KEYS }, (_, i) => `namespace-${i % flows}/pod-${i}`);

/** Hands out and finishes all keys that are due. */
const drain = (queue: WorkQueue, each: (key: string) => void = () => {}): void => {
  for (let item = queue.tryGet(); item !== undefined; item = queue.tryGet()) {
    each(item.key);
    queue.done(item.key);
  }
};

/** Runs `round` some times, the first of which warm up, and prints the median and the best. */
const measure = (name: string, round: () => void): void => {
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    const start = performance.now();
    round();
    times.push(((performance.now() - start) * 1e6) / KEYS);
  }
  times.sort((a, b) => a - b);
  const median = times[ROUNDS >> 1] ?? 0;
  console.log(`${name.padEnd(58)} ${median.toFixed(0).padStart(6)} ns/key   best ${(times[0] ?? 0).toFixed(0)}`);
};

const backlog = (name: string, flows: number, options: Partial<WorkQueueOptions> = {}): void => {
  const keys = keysOf(flows);
  measure(`${name}: add all, then get + done all`, () => {
    const queue = newQueue(options);
    for (const key of keys) queue.add(key);
    drain(queue);
  });
};

backlog("1 flow", 1);
backlog("1,000 flows", 1000);
backlog("100,000 flows", KEYS);
backlog("1,000 flows, metrics", 1000, { metrics: { attach: (queue) => new QueueCounts(queue.name).observe(queue) } });

const keys = keysOf(1000);

measure("empty queue: add, get, done, one key after the other", () => {
  const queue = newQueue();
  for (const key of keys) {
    queue.add(key);
    queue.tryGet();
    queue.done(key);
  }
});

measure("half bulk, half fresh: add all, then get + done all", () => {
  const queue = newQueue();
  for (const [i, key] of keys.entries()) queue.add(key, { priority: i % 2 === 0 ? Priority.bulk : Priority.fresh });
  drain(queue);
});

measure("bulk raised to fresh: add twice, then get + done all", () => {
  const queue = newQueue();
  for (const key of keys) queue.add(key, { priority: Priority.bulk });
  for (const key of keys) queue.add(key);
  drain(queue);
});

measure("ten adds of each key while it is queued, all ten", () => {
  const queue = newQueue();
  for (const key of keys) queue.add(key);
  for (let i = 0; i < 9; i += 1) for (const key of keys) queue.add(key);
});

measure("delayed: add at random times, then shut down", () => {
  const queue = newQueue();
  for (const key of keys) queue.add(key, { after: 60_000 * Math.random() });
  void queue.shutDown();
});

measure("failing: add, get, add rate-limited, done, shut down", () => {
  const queue = newQueue({ backoff: { base: 30_000 } });
  for (const key of keys) queue.add(key);
  drain(queue, (key) => queue.add(key, { rateLimited: true }));
  void queue.shutDown();
});

/** Workers that wait for each key, as a controller's do, while keys come in bursts of 100. */
const withWorkers = async (workers: number): Promise<void> => {
  const queue = newQueue();
  let left = keys.length;
  const work = async (): Promise<void> => {
    for (let item = await queue.get(); item !== undefined; item = await queue.get()) {
      queue.done(item.key);
      left -= 1;
      if (left === 0) void queue.shutDown();
    }
  };
  const all = Array.from({ length: workers }, work);
  for (let i = 0; i < keys.length; i += 100) {
    for (const key of keys.slice(i, i + 100)) queue.add(key);
    await Promise.resolve();
  }
  await Promise.all(all);
};

const start = performance.now();
for (let i = 0; i < ROUNDS; i += 1) await withWorkers(24);
const each = ((performance.now() - start) * 1e6) / KEYS / ROUNDS;
console.log(`${"24 workers that await get: add, get, done".padEnd(58)} ${each.toFixed(0).padStart(6)} ns/key   mean`);

globalThis.gc?.();
const before = process.memoryUsage().heapUsed;
const held = newQueue();
for (const key of keys) held.add(key);
const bytes = (process.memoryUsage().heapUsed - before) / KEYS;
console.log(`${"heap held".padEnd(58)} ${bytes.toFixed(0).padStart(6)} bytes/key (${held.length} keys)`);
