import { machine } from "./machine.ts";

/** One figure, and what must hold of it. */
export interface Figure {
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
export const atMost = (what: string, value: number, limit: number, unit = ""): Figure => ({
  what,
  value,
  unit,
  target: `<= ${limit}`,
  holds: value <= limit,
});

/** A figure that must not be below its limit. */
export const atLeast = (what: string, value: number, limit: number, unit = ""): Figure => ({
  what,
  value,
  unit,
  target: `>= ${limit}`,
  holds: value >= limit,
});

/** A figure of which nothing is promised. */
export const told = (what: string, value: number, unit: string): Figure => ({ what, value, unit });

/** How figures are printed. */
export interface Report {
  /** For programs, instead of for people. */
  readonly json: boolean;
  /** Said of what was measured, beside the machine. */
  readonly about?: string;
}

/** Characters of a figure's name. */
const WIDTH = 70;

/** Prints the figures, and lets the process end with 1 when one does not hold. */
export const report = (figures: readonly Figure[], { json, about }: Report): void => {
  if (figures.some(({ holds }) => holds === false)) process.exitCode = 1;
  if (json) {
    console.log(JSON.stringify({ machine: machine(), figures }));
    return;
  }
  const { cpus, model, kernel, node } = machine();
  const machineLine = `${cpus} x ${model}, Linux ${kernel}, Node ${node}`;
  console.log(`\n${[machineLine, ...(about === undefined ? [] : [about])].join("; ")}`);
  for (const { what, value, unit, target, holds } of figures) {
    const digits = Math.abs(value) < 10 && !Number.isInteger(value) ? 2 : 0;
    const verdict = holds === false ? "MISS" : "";
    console.log(
      `  ${what.padEnd(WIDTH)}${value.toFixed(digits).padStart(9)} ${unit.padEnd(8)}${(target ?? "").padEnd(12)}${verdict}`.trimEnd(),
    );
  }
};
