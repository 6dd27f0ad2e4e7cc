/** Too much is under way, and too much waits already. */
export class CrowdedError extends Error {
  constructor() {
    super("too many questions are under way");
    this.name = "CrowdedError";
  }
}

export interface FairLimitOptions {
  /** Under way at a time, in all. */
  readonly all: number;
  /** Under way at a time, of one user. */
  readonly perUser: number;
  /** Waiting, in all; beyond it work is refused. */
  readonly waiting: number;
}

interface Waiting {
  readonly user: string;
  readonly begin: () => void;
}

/** Bounds work that is under way at a time, in all and of each user, so that one who asks much does not starve the others. */
export class FairLimit {
  readonly #options: FairLimitOptions;
  /** How much of each user's is under way; absent: none. */
  readonly #underWay = new Map<string, number>();
  #total = 0;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();

  constructor(options: FairLimitOptions) {
    this.#options = options;
  }

  /**
   * Does the work when it is the user's turn. Who has to wait is passed by others only while all that the user may have is under way.
   *
   * @throws CrowdedError when too much waits; what the work throws.
   */
  async run<T>(user: string, work: () => Promise<T>): Promise<T> {
    if (!this.#hasRoom(user)) {
      if (this.#waiting.size >= this.#options.waiting) throw new CrowdedError();
      await new Promise<void>((begin) => this.#waiting.add({ user, begin: () => this.#take(user, begin) }));
    } else this.#take(user, () => {});
    try {
      return await work();
    } finally {
      this.#giveBack(user);
    }
  }

  #hasRoom(user: string): boolean {
    const { all, perUser } = this.#options;
    return this.#total < all && (this.#underWay.get(user) ?? 0) < perUser;
  }

  #take(user: string, begin: () => void): void {
    this.#total += 1;
    this.#underWay.set(user, (this.#underWay.get(user) ?? 0) + 1);
    begin();
  }

  #giveBack(user: string): void {
    this.#total -= 1;
    const left = (this.#underWay.get(user) ?? 1) - 1;
    if (left === 0) this.#underWay.delete(user);
    else this.#underWay.set(user, left);
    for (const waiting of this.#waiting) {
      if (!this.#hasRoom(waiting.user)) continue;
      this.#waiting.delete(waiting);
      waiting.begin();
      return;
    }
  }
}
