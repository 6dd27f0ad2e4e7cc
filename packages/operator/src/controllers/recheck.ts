import type { Random } from "@pcmc/controller-runtime";
import { spread } from "./spread.ts";

/** The slow cap of the backoff, milliseconds. */
const RECHECK_PERIOD = 30_000;

/** How often one reconcile reads what the cache does not show, and plans again. */
export const MAX_READS = 3;

export interface RecheckOptions {
  readonly random: Random;
  /** What only a change elsewhere can mend is looked at this often, with 20 % jitter; milliseconds. Default 30,000. */
  readonly recheckPeriod?: number | undefined;
}

/** Milliseconds after which to look at a standing obstacle again. */
export const untilRecheck = ({ recheckPeriod = RECHECK_PERIOD, random }: RecheckOptions): number =>
  spread(recheckPeriod, random);
