import { setTimeout as sleep } from "node:timers/promises";

/**
 * Looks until `look` gives something.
 *
 * @param what - ends the sentence "waited 60 s and still not: ..."
 * @param timeout - milliseconds
 * @throws after that time, with what `look` threw last
 */
export const until = async <T>(what: string, look: () => Promise<T | undefined>, timeout = 60_000): Promise<T> => {
  const deadline = performance.now() + timeout;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    await sleep(100);
  }
  throw new Error(`waited ${timeout / 1000} s and still not: ${what}`, { cause: last });
};
