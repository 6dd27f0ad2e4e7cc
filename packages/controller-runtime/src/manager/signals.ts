/** What the process's signals ask for. */
export interface StopSignals extends Disposable {
  /** Aborts at the first SIGTERM or SIGINT: stop, but finish what has begun. */
  readonly stop: AbortSignal;
  /** Aborts at the second: end at once. */
  readonly kill: AbortSignal;
}

/** Listens for SIGTERM and SIGINT until disposed of. */
export const stopSignals = (): StopSignals => {
  const stop = new AbortController();
  const kill = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (stop.signal.aborted) kill.abort(new Error(`${name} for the second time`));
    else stop.abort(new Error(name));
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  return {
    stop: stop.signal,
    kill: kill.signal,
    [Symbol.dispose]() {
      process.off("SIGTERM", onSignal);
      process.off("SIGINT", onSignal);
    },
  };
};
