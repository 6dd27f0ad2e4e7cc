import type { Place } from "./place.ts";
import type { Chunking } from "./rechunk.ts";
import type { Verb } from "./verb.ts";

/** Which requests a rule is for; what is left out fits any. */
export interface Match {
  readonly method?: string;
  /** Tested against path and query. */
  readonly path?: RegExp;
  readonly verb?: Verb;
}

/** What is done to a request. All but the first six let it through to the server first. Plain data: JSON keeps it. */
export type Action =
  /** Waits `ms` milliseconds, then forwards. */
  | { readonly type: "delay"; readonly ms: number }
  /** Waits for the rule's `release()`, then forwards. */
  | { readonly type: "hold" }
  /** Answers in the server's stead. An object goes out as JSON. */
  | {
      readonly type: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: object | string;
    }
  /**
   * Answers with an old state of the world: what the server once answered to such a request, `age` 0 the last time, and then
   * ends the stream. Of what `record` names only; passed on where nothing is recorded.
   */
  | { readonly type: "replay"; readonly age: number }
  /** Takes the request in, never answers and never forwards. */
  | { readonly type: "blackhole" }
  /** Closes the connection once the request is in, without forwarding it. */
  | { readonly type: "cut-request" }
  /** Lets the server carry the request out, then closes the connection without a byte of the answer. */
  | { readonly type: "lose-answer" }
  /** Closes the connection at a place of the answer's body; `{}` = right after the headers. */
  | { readonly type: "cut"; readonly at: Place }
  /** Ends the answer at a place as if it were complete. */
  | { readonly type: "end"; readonly at: Place }
  /** Passes nothing on from a place on, and keeps the connection open. */
  | { readonly type: "stall"; readonly at: Place }
  /** Passes the whole answer on, each part of it `ms` milliseconds late: whoever watches sees the past. */
  | { readonly type: "lag"; readonly ms: number }
  /** Passes the whole answer on in other chunks. */
  | { readonly type: "rechunk"; readonly into: Chunking };

export interface RuleOptions {
  readonly match?: Match;
  /** How many requests it is for. Default: all. */
  readonly times?: number;
  readonly action: Action;
}

/** A rule as the test that set it holds it. */
export interface Rule {
  /** Requests that it was applied to. */
  readonly hits: number;
  /** Lets go what a `hold` holds, now and from now on. */
  release(): void;
  /** It applies to no further request; what it holds is let go. */
  remove(): void;
}

/** A request as rules look at it. */
export interface Matchable {
  readonly method: string;
  readonly path: string;
  readonly verb: Verb;
}

/** Whether `request` is one that `match` names. */
export const isMatch = (match: Match, { method, path, verb }: Matchable): boolean => {
  if (match.method !== undefined && match.method !== method) return false;
  if (match.verb !== undefined && match.verb !== verb) return false;
  // search() takes no notice of lastIndex: a pattern with the flag g fits the second time too.
  return match.path === undefined || path.search(match.path) >= 0;
};

/** One rule and its state. */
export class ActiveRule implements Rule {
  readonly action: Action;
  readonly #match: Match;
  readonly #released = Promise.withResolvers<void>();
  #left: number;
  #hits = 0;

  constructor({ match = {}, times = Number.POSITIVE_INFINITY, action }: RuleOptions) {
    this.action = action;
    this.#match = match;
    this.#left = times;
  }

  get hits(): number {
    return this.#hits;
  }

  /** Resolves after `release` or `remove`. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  /** Whether the rule is for `request`; counts it if so. */
  take(request: Matchable): boolean {
    if (this.#left <= 0 || !isMatch(this.#match, request)) return false;
    this.#left--;
    this.#hits++;
    return true;
  }

  release(): void {
    this.#released.resolve();
  }

  remove(): void {
    this.#left = 0;
    this.release();
  }
}
