import type { Fault } from "./protocol.ts";

/**
 * Why an instance cannot go on.
 *
 * @param error what was thrown out of it.
 * @param said what Go wrote on its standard error.
 */
export const breakage = (error: unknown, said: string): Pick<Fault, "reason" | "detail"> => {
  if (/out of memory|cannot allocate memory/.test(said)) {
    return { reason: "memory", detail: "needs more memory than the limit" };
  }
  // Go's calls are calls of V8's too, so either stack can be the first to end.
  if (error instanceof RangeError || /stack overflow|stack exceeds/.test(said)) {
    return { reason: "depth", detail: "nests, or calls itself, too deeply" };
  }
  return { reason: "panic", detail: said.split("\n", 1)[0] || String(error) };
};
