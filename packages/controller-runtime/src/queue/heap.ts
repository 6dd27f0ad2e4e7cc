/** What a `Heap` keeps on an item: where it stands, or -1. It is in one heap at most. */
export interface HeapItem {
  heapIndex: number;
}

/** A binary heap that can also take out, or move, an item in its middle: O(log n) each. */
export class Heap<T extends HeapItem> {
  readonly #items: T[] = [];
  readonly #before: (a: T, b: T) => boolean;

  /** @param before whether `a` comes out before `b`; a strict order. */
  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The item that comes out next. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** Puts in an item, which must be in no heap. */
  push(item: T): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** Takes out an item; does nothing when it is not in the heap. */
  remove(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#rise(last, index);
    this.#sink(last, last.heapIndex);
  }

  /** Takes everything out. */
  clear(): void {
    for (const item of this.#items) item.heapIndex = -1;
    this.#items.length = 0;
  }

  #rise(item: T, from: number): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#items[above];
      if (parent === undefined || !this.#before(item, parent)) break;
      this.#set(index, parent);
      index = above;
    }
    this.#set(index, item);
  }

  #sink(item: T, from: number): void {
    let index = from;
    for (;;) {
      const below = this.#firstChild(index);
      const child = this.#items[below];
      if (child === undefined || !this.#before(child, item)) break;
      this.#set(index, child);
      index = below;
    }
    this.#set(index, item);
  }

  /** The index of the child of `index` that comes out first; past the end where there is none. */
  #firstChild(index: number): number {
    const left = 2 * index + 1;
    const a = this.#items[left];
    const b = this.#items[left + 1];
    return a !== undefined && b !== undefined && this.#before(b, a) ? left + 1 : left;
  }

  #set(index: number, item: T): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }
}
