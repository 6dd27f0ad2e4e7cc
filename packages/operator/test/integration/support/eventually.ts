import { setTimeout as pause } from "node:timers/promises";

/** Milliseconds between two looks, at first and at the most: looking costs, and whoever is looked at needs the machine too. */
const INTERVAL = { first: 10, growth: 1.5, most: 200 };

export interface EventuallyOptions {
  /** Milliseconds after which it counts as never. Generous: a busy machine is no failure. Default 30,000. */
  readonly deadline?: number;
}

/**
 * Looks again and again until `check` returns something other than `false` and `undefined` without throwing; returns that.
 *
 * @throws Error that says what never came, and what the last look saw instead.
 * @example
 * await eventually("the ConfigMap exists", () => namespace.get("configmaps", "pod-web-from-app-cfg"));
 */
export const eventually = async <T>(
  what: string,
  check: () => T | Promise<T>,
  { deadline = 30_000 }: EventuallyOptions = {},
): Promise<Exclude<T, false | undefined>> => {
  const end = performance.now() + deadline;
  for (let interval = INTERVAL.first; ; interval = Math.min(interval * INTERVAL.growth, INTERVAL.most)) {
    let last: unknown;
    try {
      const seen = await check();
      if (seen !== false && seen !== undefined) return seen as Exclude<T, false | undefined>;
      last = seen;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= end) {
      const saw = last instanceof Error ? last.message : `check returned ${last}`;
      throw new Error(`not within ${deadline / 1_000} s: ${what}\nlast look: ${saw}`, { cause: last });
    }
    await pause(interval);
  }
};
