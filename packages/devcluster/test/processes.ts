import { poll } from "../src/poll.ts";
import { identify, isAlive, type ProcessIdentity } from "../src/process-identity.ts";

/** Identities of processes that must be there now. */
export const identifyAll = (pids: Iterable<number>): ProcessIdentity[] =>
  [...pids].map((pid) => {
    const identity = identify(pid);
    if (!identity) throw new Error(`no process ${pid}`);
    return identity;
  });

/** Resolves when none of them runs any more. */
export const allGone = (identities: readonly ProcessIdentity[]): Promise<true> =>
  poll(async () => (identities.some(isAlive) ? undefined : true), { timeout: 20_000, what: "the processes are gone" });
