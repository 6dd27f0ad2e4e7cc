/** One figure, and what must hold of it. */
export interface EbpfFigure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Such as `<= 0.9`. */
  readonly target?: string;
  /** Absent where nothing is promised. */
  readonly holds?: boolean;
}

export interface EbpfOptions {
  /** How often each kind of round is made. */
  readonly rounds: number;
}

/** A figure that must not be above its limit. */
export const atMost = (what: string, value: number, limit: number, unit = ""): EbpfFigure => ({
  what,
  value,
  unit,
  target: `<= ${limit}`,
  holds: value <= limit,
});

/** A figure that must not be below its limit. */
export const atLeast = (what: string, value: number, limit: number, unit = ""): EbpfFigure => ({
  what,
  value,
  unit,
  target: `>= ${limit}`,
  holds: value >= limit,
});

/** A figure of which nothing is promised. */
export const told = (what: string, value: number, unit: string): EbpfFigure => ({ what, value, unit });
