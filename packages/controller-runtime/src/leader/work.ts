/** What work threw; it may be anything. */
export interface Failure {
  readonly error: unknown;
}

/** How work ended. */
export interface Outcome {
  readonly failure?: Failure;
}

/** Work that ended well. */
export const DONE: Outcome = {};

/** Runs `work`; never rejects. */
export const outcomeOf = async (work: () => Promise<void>): Promise<Outcome> => {
  try {
    await work();
    return DONE;
  } catch (error) {
    return { failure: { error } };
  }
};

/** What comes of `work`, or `killed` when `kill` aborts first; nobody hears of `work` then. */
export const unlessKilled = async (work: Promise<Outcome>, kill: AbortSignal): Promise<Outcome | "killed"> => {
  const { promise: killed, resolve } = Promise.withResolvers<"killed">();
  const onKill = () => resolve("killed");
  if (kill.aborted) onKill();
  else kill.addEventListener("abort", onKill, { once: true });
  try {
    return await Promise.race([work, killed]);
  } finally {
    kill.removeEventListener("abort", onKill);
  }
};
