import {
  Backoff,
  type Client,
  type Clock,
  describe,
  ForbiddenError,
  type Logger,
  type Random,
  type Runnable,
  sleep,
  UnauthorizedError,
} from "@pcmc/controller-runtime";
import { isObject } from "../api/conform.ts";

/** The first minor version with `restartPolicy` of init containers on by default (KEP-753, beta). */
const SINCE_MINOR = 29;

/**
 * The minor version of an API server that answers `GET /version` so, 29 of 1.29; Infinity after 1.x, and `undefined` where it
 * does not say.
 */
export const minorOf = (version: unknown): number | undefined => {
  if (!isObject(version)) return undefined;
  const [major, minor] = [version.major, version.minor].map((part) => /^\d+/.exec(String(part))?.[0]);
  if (major === undefined || minor === undefined) return undefined;
  if (Number(major) > 1) return Number.POSITIVE_INFINITY;
  return Number(major) === 1 ? Number(minor) : 0;
};

/** Whether an API server that answers `GET /version` so has native sidecars; `undefined` where it does not say. */
export const hasNativeSidecars = (version: unknown): boolean | undefined => {
  const minor = minorOf(version);
  return minor === undefined ? undefined : minor >= SINCE_MINOR;
};

export interface NativeSidecarsOptions {
  readonly client: Pick<Client, "raw">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Milliseconds after which the version is asked for again: an API server can be upgraded, or put back, under us. */
const LASTS = 3_600_000;
const TRIES = { initial: 200, factor: 2, cap: 30_000, jitter: 0.2, resetAfter: 120_000 };
const CALL = { timeout: 10_000, retries: 0 };

/**
 * Keeps in mind whether the API server has native sidecars, so that no admission has to ask. What was known stays while it
 * gives no answer.
 *
 * Of several API servers in the middle of an upgrade to 1.29 any may answer, and one of 1.28 takes `restartPolicy` out of an
 * init container without a word, which then never ends: who upgrades over that line sets `injectAs: Container` meanwhile.
 */
export class NativeSidecars implements Runnable {
  readonly name = "native-sidecars";
  readonly #options: NativeSidecarsOptions;
  readonly #backoff: Backoff;
  #supported: boolean | undefined;
  #minor: number | undefined;

  constructor(options: NativeSidecarsOptions) {
    this.#options = options;
    this.#backoff = new Backoff(TRIES, options.clock, options.random);
  }

  /** `undefined` until the API server has said so: either answer would be wrong for some Pods, and it is a matter of a moment. */
  get supported(): boolean | undefined {
    return this.#supported;
  }

  /** The API server's minor version, 29 of 1.29; `undefined` until it has said so, and where it does not. */
  get minor(): number | undefined {
    return this.#minor;
  }

  async run({ stop }: { readonly stop: AbortSignal }): Promise<void> {
    const { clock } = this.#options;
    while (!stop.aborted) {
      const wait = await this.#ask(stop);
      await sleep(clock, wait, stop).catch(() => {});
    }
  }

  /** @returns the milliseconds until the next question. */
  async #ask(signal: AbortSignal): Promise<number> {
    const { client, log } = this.#options;
    try {
      const version = await client.raw("GET", "/version", { ...CALL, signal });
      const supported = hasNativeSidecars(version);
      if (supported === undefined) return this.#assume("the API server does not say its version");
      this.#supported = supported;
      this.#minor = minorOf(version);
      this.#backoff.reset();
      return LASTS;
    } catch (error) {
      // Nobody may be kept from injecting for good by a right that almost every cluster gives (system:public-info-viewer).
      if (error instanceof ForbiddenError || error instanceof UnauthorizedError) return this.#assume(describe(error));
      if (!signal.aborted) log.debug("the API server's version is not known yet", { error });
      return this.#backoff.next();
    }
  }

  /** 1.29 is of 2023: where nothing can be learned, it is the better guess. */
  #assume(why: string): number {
    if (this.#supported === undefined) {
      this.#options.log.warning(
        "Watchers with injectAs Auto become native sidecars, as Kubernetes 1.29 and later have them",
        { why },
      );
      this.#supported = true;
    }
    return LASTS;
  }
}
