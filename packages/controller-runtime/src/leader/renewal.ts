import type { Election } from "./election.ts";
import type { HeldTerm } from "./term.ts";

/** So often one renewal is tried when others touch the Lease meanwhile. */
const TRIES = 3;

/** Renews the Lease every `retryPeriod`, at once when someone deletes it, until the term or `over` ends. */
export const keepRenewing = async (election: Election, term: HeldTerm, over: AbortSignal): Promise<void> => {
  const { alarm, clock, observed, settings } = election;
  const signal = AbortSignal.any([term.signal, over]);
  let next = clock.now() + settings.retryPeriod;
  while (!signal.aborted) {
    const isDeleted = observed.current && observed.lease === undefined;
    const left = next - clock.now();
    if (left > 0 && !isDeleted) {
      await alarm.wait(left, signal);
      continue;
    }
    next = clock.now() + settings.retryPeriod;
    await renew(election, term, signal);
    // While making it anew fails, it stays deleted.
    if (observed.lease === undefined) await alarm.wait(next - clock.now(), signal);
  }
};

/** One renewal, with what it takes. Never rejects: the term ends by itself when none works. */
const renew = async (election: Election, term: HeldTerm, signal: AbortSignal): Promise<void> => {
  const { lock, observed, observer, settings, trouble, requestTimeout } = election;
  const bounds = () => ({ signal, timeout: Math.min(requestTimeout, term.left) });
  try {
    for (let tries = 0; tries < TRIES; tries += 1) {
      if (!observed.current) {
        observer?.onSlowPath(settings.lock.name);
        await lock.read(bounds());
      }
      // What was read may have ended the term: another holder. A term that is over by the clock is not brought back.
      if (signal.aborted || !term.held) return;
      const start = await lock.hold(bounds());
      if (start === undefined) continue;
      term.renewed(start);
      trouble.works("write");
      return;
    }
  } catch (error) {
    if (signal.aborted) return;
    term.failed(error);
    trouble.report(error, "write");
  }
};
