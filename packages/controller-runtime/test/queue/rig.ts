import { type QueueItem, WorkQueue, type WorkQueueOptions } from "../../src/queue/work-queue.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A queue whose time the test owns, and whose backoff has no jitter unless the test asks for some. */
export const newQueue = (options: Partial<WorkQueueOptions> = {}): { queue: WorkQueue; clock: FakeClock } => {
  const clock = new FakeClock();
  return { clock, queue: new WorkQueue({ name: "test", clock, random: () => 0, ...options }) };
};

/** Takes and finishes every key that is due; their items in order. */
export const drain = (queue: WorkQueue): QueueItem[] => {
  const items: QueueItem[] = [];
  for (let item = queue.tryGet(); item !== undefined; item = queue.tryGet()) {
    items.push(item);
    queue.done(item.key);
  }
  return items;
};

/** The keys of `drain`. */
export const drainKeys = (queue: WorkQueue): string[] => drain(queue).map((item) => item.key);
