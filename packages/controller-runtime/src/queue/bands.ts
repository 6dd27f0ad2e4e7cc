import type { Entry } from "./entry.ts";
import { Heap, type HeapItem } from "./heap.ts";
import { type Linked, LinkedList } from "./linked-list.ts";

/** The ready entries of one flow in one band, first in, first out. In the band's ring while it has any. */
export class Flow implements Linked<Flow> {
  readonly name: string;
  readonly band: Band;
  readonly entries = new LinkedList<Entry>();
  prev: Flow | undefined = undefined;
  next: Flow | undefined = undefined;

  constructor(name: string, band: Band) {
    this.name = name;
    this.band = band;
  }
}

/** The ready entries of one priority. */
class Band implements Linked<Band>, HeapItem {
  readonly priority: number;
  readonly flows = new Map<string, Flow>();
  /** Flows in the order in which their turn comes. */
  readonly ring = new LinkedList<Flow>();
  size = 0;
  prev: Band | undefined = undefined;
  next: Band | undefined = undefined;
  heapIndex = -1;

  constructor(priority: number) {
    this.priority = priority;
  }
}

/** Empty bands are kept for their next entry, up to this many; a queue uses two or three priorities. */
const KEPT_BANDS = 16;

/**
 * Entries that are due, in the order in which they are handed out:
 *
 * 1. The band of the highest priority is served; but while lower ones wait, each `every`-th pick goes to the one of them
 *    that has waited longest for its turn. So these get 1/`every` of the picks while higher ones never run dry, and delay
 *    nothing otherwise: the count starts anew whenever no lower band waits.
 * 2. Within a band the flows take turns, one entry each.
 * 3. Within a flow, first in, first out.
 *
 * Bound: with never more than B bands and K flows in a band at once, an entry with p others before it in its flow comes
 * out after at most `every * B * K * (p + 1)` picks, whatever is added meanwhile. (1) serves a band at least once in
 * `every * B` picks, since a band that is new or was served lines up behind it; (2) serves a flow once in K of these.
 *
 * Share: in any n picks from a band, a flow that never runs dry gets at least floor(n / K) of them.
 *
 * Every operation is O(log B).
 */
export class Bands {
  readonly #bands = new Map<number, Band>();
  readonly #byPriority = new Heap<Band>((a, b) => a.priority > b.priority);
  /** Non-empty bands; the head has waited longest since it was served or became non-empty. */
  readonly #byWait = new LinkedList<Band>();
  readonly #every: number;
  /** Picks in a row from the highest band while another waited. */
  #passed = 0;
  #size = 0;

  /** @param every 2 or more: of so many picks, lower bands get one. */
  constructor(every: number) {
    this.#every = every;
  }

  get size(): number {
    return this.#size;
  }

  /** Puts an entry in line by its priority. */
  push(entry: Entry, flowName: string): void {
    const band = this.#band(entry.priority);
    let flow = band.flows.get(flowName);
    if (flow === undefined) {
      flow = new Flow(flowName, band);
      band.flows.set(flowName, flow);
      band.ring.push(flow);
    }
    flow.entries.push(entry);
    entry.flow = flow;
    this.#size += 1;
    band.size += 1;
    if (band.size > 1) return;
    this.#byPriority.push(band);
    this.#byWait.push(band);
  }

  /** Takes out the entry whose turn it is. */
  shift(): Entry | undefined {
    const band = this.#nextBand();
    const flow = band?.ring.head;
    const entry = flow?.entries.head;
    if (band === undefined || flow === undefined || entry === undefined) return undefined;
    // To the end of both lines first; taking the entry out removes what it leaves empty.
    band.ring.remove(flow);
    band.ring.push(flow);
    this.#byWait.remove(band);
    this.#byWait.push(band);
    this.remove(entry);
    return entry;
  }

  /** Takes an entry, which must be here, out of the line. */
  remove(entry: Entry): void {
    const { flow } = entry;
    if (flow === undefined) return;
    const { band } = flow;
    entry.flow = undefined;
    flow.entries.remove(entry);
    this.#size -= 1;
    band.size -= 1;
    if (flow.entries.size > 0) return;
    band.ring.remove(flow);
    band.flows.delete(flow.name);
    if (band.size > 0) return;
    this.#byPriority.remove(band);
    this.#byWait.remove(band);
    if (this.#bands.size > KEPT_BANDS) this.#bands.delete(band.priority);
  }

  /** How many entries there are of each priority that has any. */
  depths(): Map<number, number> {
    const depths = new Map<number, number>();
    for (const band of this.#byWait) depths.set(band.priority, band.size);
    return depths;
  }

  #band(priority: number): Band {
    let band = this.#bands.get(priority);
    if (band === undefined) {
      band = new Band(priority);
      this.#bands.set(priority, band);
    }
    return band;
  }

  #nextBand(): Band | undefined {
    const highest = this.#byPriority.peek();
    const longest = this.#byWait.head;
    const lower = longest === highest ? longest?.next : longest;
    if (lower === undefined) this.#passed = 0;
    else this.#passed += 1;
    if (this.#passed < this.#every) return highest;
    this.#passed = 0;
    return lower;
  }
}
