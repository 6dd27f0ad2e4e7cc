/** What became of a check. `warning`: it works, and something is about to go wrong or not as meant. `skipped`: not looked at. */
export type Status = "ok" | "warning" | "failed" | "skipped";

/** What a check found; one check can find several things. */
export interface Verdict {
  readonly status: Status;
  /** One line. */
  readonly message: string;
  /** What to do, where something is to be done. */
  readonly remedy?: string;
}

export const ok = (message: string): Verdict => ({ status: "ok", message });

export const warning = (message: string, remedy: string): Verdict => ({ status: "warning", message, remedy });

export const failed = (message: string, remedy: string): Verdict => ({ status: "failed", message, remedy });

export const skipped = (message: string, remedy?: string): Verdict => ({
  status: "skipped",
  message,
  ...(remedy !== undefined && { remedy }),
});

/** Names that a message has at the most; the rest is a count. */
const NAMED = 5;

/** `a, b and 7 more`. */
export const named = (names: readonly string[], most = NAMED): string => {
  if (names.length <= most) return names.join(", ");
  return `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
};

/** `1 Pod`, `2 Pods`. */
export const counted = (count: number, noun: string, plural = `${noun}s`): string =>
  `${count} ${count === 1 ? noun : plural}`;
