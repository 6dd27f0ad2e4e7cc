import type { Flow } from "./bands.ts";
import type { Failures } from "./failures.ts";
import type { HeapItem } from "./heap.ts";
import type { Linked } from "./linked-list.ts";

/**
 * Where a key is:
 * - `new`: between places, only inside one call of the queue;
 * - `delayed`: wanted, its time has not come; in the heap of delays;
 * - `ready`: due; in its band and flow;
 * - `processing`: handed out; in the list of those. Adds meanwhile only change `wantedAt`, `priority` and `failures`;
 * - `resting`: not wanted, remembered for its failures; in the heap of delays until calm has come.
 */
export type Place = "new" | "delayed" | "ready" | "processing" | "resting";

/** All that a queue knows of one key. An entry that is neither wanted nor processing nor resting does not exist. */
export class Entry implements Linked<Entry>, HeapItem {
  readonly key: string;
  place: Place = "new";
  /** The highest asked since it was last handed out. */
  priority = 0;
  /** The earliest time plain adds ask for; Infinity when none does. */
  wantedAt = Number.POSITIVE_INFINITY;
  /** When it is (was) due; of a resting entry: when its failures are forgotten. */
  dueAt = Number.POSITIVE_INFINITY;
  /** When it was last handed out. */
  startedAt = Number.NEGATIVE_INFINITY;
  failures: Failures | undefined = undefined;
  /** Where it stands in line while it is ready. */
  flow: Flow | undefined = undefined;
  prev: Entry | undefined = undefined;
  next: Entry | undefined = undefined;
  heapIndex = -1;
  /** Breaks ties in the heap: who was scheduled first is due first. */
  order = 0;

  constructor(key: string) {
    this.key = key;
  }

  /** When the adds so far want it handed out, Infinity for never. */
  wanted(): number {
    return this.failures === undefined ? this.wantedAt : this.failures.dueAt(this.wantedAt);
  }
}
