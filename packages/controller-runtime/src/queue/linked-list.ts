/** The links of an item of a `LinkedList`. They belong to the list that the item is in; it is in one at most. */
export interface Linked<T> {
  prev: T | undefined;
  next: T | undefined;
}

/**
 * A doubly linked list whose links lie in the items: every operation is O(1) and allocates nothing, taking an item
 * out of the middle too.
 */
export class LinkedList<T extends Linked<T>> {
  #head: T | undefined = undefined;
  #tail: T | undefined = undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The item that has been in the list the longest. */
  get head(): T | undefined {
    return this.#head;
  }

  /** Appends an item, which must be in no list. */
  push(item: T): void {
    item.prev = this.#tail;
    item.next = undefined;
    if (this.#tail === undefined) this.#head = item;
    else this.#tail.next = item;
    this.#tail = item;
    this.#size += 1;
  }

  /** Takes the first item out. */
  shift(): T | undefined {
    const item = this.#head;
    if (item !== undefined) this.remove(item);
    return item;
  }

  /** Takes out an item, which must be in this list. */
  remove(item: T): void {
    if (item.prev === undefined) this.#head = item.next;
    else item.prev.next = item.next;
    if (item.next === undefined) this.#tail = item.prev;
    else item.next.prev = item.prev;
    item.prev = undefined;
    item.next = undefined;
    this.#size -= 1;
  }

  /** First to last. The list must not be changed meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    for (let item = this.#head; item !== undefined; item = item.next) yield item;
  }
}
