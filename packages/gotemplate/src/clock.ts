/** The time, and timers: handed in, so that tests own them. */
export interface Clock {
  /** Milliseconds since some point in the past. */
  now(): number;
  /** Calls back once, and does not keep the process alive for it. Returns what takes the call back. */
  after(milliseconds: number, callback: () => void): () => void;
  /** Calls back when the messages that have arrived are handled. */
  soon(callback: () => void): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (milliseconds, callback) => {
    const timer = setTimeout(callback, milliseconds).unref();
    return () => clearTimeout(timer);
  },
  soon: (callback) => {
    setImmediate(callback);
  },
};
