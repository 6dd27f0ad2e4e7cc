/** Numbers of jobs stay below this: two of them share a word. */
export const JOB_NUMBERS = 2 ** 31;

const HALF = 32n;

/**
 * Who does a job, the worker that it was given to or another: both may want it at the same moment, and one of them gets it. What was
 * begun and what was taken back stand in one word, so that neither side decides by half of it.
 */
export class Claims {
  readonly #word: BigInt64Array<SharedArrayBuffer>;

  /** @param word - shared by both sides; see {@link Claims.word}. */
  constructor(word: BigInt64Array<SharedArrayBuffer>) {
    this.#word = word;
  }

  static word(): BigInt64Array<SharedArrayBuffer> {
    return new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));
  }

  /** Number of the job that was begun last; 0 before the first. */
  get begun(): number {
    return halves(Atomics.load(this.#word, 0)).begun;
  }

  /** For the worker: begins a job. False where it was taken back. */
  begin(job: number): boolean {
    return this.#change(({ revoked }) => (job <= revoked ? undefined : { begun: job, revoked })) !== undefined;
  }

  /** For the pool: takes back what has not begun, up to this job. Returns the number of the one that has begun last. */
  revoke(last: number): number {
    return this.#change(({ begun }) => ({ begun, revoked: last }))?.begun ?? 0;
  }

  /** What it was before; `undefined` where nothing is to change. */
  #change(to: (from: Halves) => Halves | undefined): Halves | undefined {
    for (;;) {
      const before = Atomics.load(this.#word, 0);
      const from = halves(before);
      const after = to(from);
      if (after === undefined) return undefined;
      const word = (BigInt(after.begun) << HALF) | BigInt(after.revoked);
      if (Atomics.compareExchange(this.#word, 0, before, word) === before) return from;
    }
  }
}

interface Halves {
  readonly begun: number;
  /** Jobs up to this one are not begun any more. */
  readonly revoked: number;
}

const halves = (word: bigint): Halves => ({
  begun: Number(word >> HALF),
  revoked: Number(BigInt.asUintN(Number(HALF), word)),
});
