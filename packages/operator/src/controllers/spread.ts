import type { Random } from "@pcmc/controller-runtime";

const JITTER = 0.2;

/** `milliseconds`, up to 20 % shorter or longer, so that many keys with one obstacle do not come back together. */
export const spread = (milliseconds: number, random: Random): number =>
  milliseconds * (1 - JITTER + 2 * JITTER * random());
