/** One curve, or one for each series. */
export interface Query {
  /** PromQL with Grafana's variables. */
  readonly expr: string;
  /** `{{label}}` stands for a label's value. */
  readonly legend: string;
}

/** What a value is; Grafana's names of units, in one place. */
export const units = {
  count: "short",
  perSecond: "cps",
  seconds: "s",
  bytes: "bytes",
  ratio: "percentunit",
  requests: "reqps",
  /** 0 or 1. */
  status: "none",
} as const;

/**
 * How a panel shows it: `lines` over time; `number`, the present one, large; `states`, a bar for each series that is green while
 * it is 1 and red while it is 0.
 */
export type Kind = "lines" | "number" | "states";

/** One panel, as people think of it. */
export interface Panel {
  readonly title: string;
  readonly kind?: Kind;
  readonly unit: keyof typeof units;
  /** What it shows, what is normal, and what to do when it is not: shown where the mouse is over the panel's corner. */
  readonly about: string;
  readonly queries: readonly Query[];
  /** A red line: from there on up it is bad. The alerts have the same. */
  readonly bad?: number;
  /** Of `number`: below this it is bad. */
  readonly atLeast?: number;
  /** The parts add up to something. */
  readonly stacked?: true;
  /** Of 24. Default: 12, of numbers 4. */
  readonly width?: number;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** What can be chosen above a dashboard. */
export interface Variable {
  readonly name: string;
  readonly label: string;
  /** `label_values(...)`. */
  readonly query: string;
  /** What All stands for, where it is more than what `query` finds: `.*`. */
  readonly all?: string;
}

export interface Dashboard {
  /** The file's name without `.json`; also its stable identity in Grafana. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly Row[];
}
