import {
  type AbortSource,
  Backoff,
  type Clock,
  describe,
  type Logger,
  type Random,
  sleep,
} from "@pcmc/controller-runtime";

/** One thing that has to be done before others may take it to be done. Repeating it does no harm. */
export interface FarewellStep {
  /** For messages: `kernel`. */
  readonly name: string;
  readonly run: (signal: AbortSource) => Promise<unknown>;
  /** A failure in a line, with what to do. Default: the error's own words. */
  readonly explain?: (error: unknown) => string;
}

export interface FarewellOptions {
  /** In the order in which they are done. */
  readonly steps: readonly FarewellStep[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Work that is tried until it is done. */
export interface Farewell {
  /** What is in the way, or under way; `undefined` once all is done. */
  readonly trouble: string | undefined;
  /** Works until all is done, or until `stop` aborts. */
  run(stop: AbortSignal): Promise<void>;
}

/** Milliseconds. What is waited for is mostly the end of an agent, which takes seconds. */
const BACKOFF = { initial: 500, factor: 2, cap: 15_000, jitter: 0.2, resetAfter: Number.POSITIVE_INFINITY };

/** Does the steps in turn, each until it succeeds. */
export const farewell = ({ steps, clock, random, log }: FarewellOptions): Farewell => {
  let trouble: string | undefined = "not begun yet";
  const once = async ({ name, run, explain = describe }: FarewellStep, stop: AbortSignal): Promise<boolean> => {
    try {
      await run(stop);
      return true;
    } catch (error) {
      if (stop.aborted) return false;
      trouble = `${name}: ${explain(error)}`;
      log.warning("cannot be removed yet, trying again", { what: name, why: explain(error) });
      return false;
    }
  };
  const untilDone = async (step: FarewellStep, stop: AbortSignal): Promise<void> => {
    const backoff = new Backoff(BACKOFF, clock, random);
    trouble = `${step.name}: under way`;
    while (!stop.aborted && !(await once(step, stop))) {
      // A stop ends the wait, and the loop with it.
      await sleep(clock, backoff.next(), stop).catch(() => {});
    }
  };
  return {
    get trouble() {
      return trouble;
    },
    async run(stop) {
      for (const step of steps) await untilDone(step, stop);
      if (!stop.aborted) trouble = undefined;
    },
  };
};
