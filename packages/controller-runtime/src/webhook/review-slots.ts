import { busy } from "./request-body.ts";

/** Reviews under way at a time. One counts from when it has come whole: who sends slowly, or not to the end, takes no room. */
export class ReviewSlots {
  readonly #limit: number;
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes a slot until it is disposed of. @throws HttpRefusal 429 when there is none. */
  take(): Disposable {
    if (this.#taken >= this.#limit) throw busy(`${this.#limit} reviews are under way, no more at a time`);
    this.#taken += 1;
    return {
      [Symbol.dispose]: () => {
        this.#taken -= 1;
      },
    };
  }
}
