/** Priorities by name; a higher number is sooner, and any integer may be used. The figures are controller-runtime's. */
export const Priority = {
  /** Someone changed something and waits for the outcome. */
  fresh: 0,
  /** The initial list, a resync, a change that touches many keys: news for nobody in particular. */
  bulk: -100,
} as const;
