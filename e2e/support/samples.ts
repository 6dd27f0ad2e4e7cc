/** Labels of a series. */
export type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

/** A scrape in Prometheus' text format. */
export interface Samples {
  /** The series of a metric that have these labels. */
  of(name: string, labels?: Labels): readonly Sample[];
  /** The sum of the same; 0 of none. */
  sum(name: string, labels?: Labels): number;
}

const PREFIX = "podconfigmap_controller_";
const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Reads what `/metrics` gives. Names are those without the prefix of this controller. */
export const parseSamples = (text: string): Samples => {
  const samples = text.split("\n").flatMap(parseLine);
  const of = (name: string, labels: Labels = {}) =>
    samples.filter((sample) => sample.name === `${PREFIX}${name}` && has(sample.labels, labels));
  return { of, sum: (name, labels) => of(name, labels).reduce((sum, { value }) => sum + value, 0) };
};

const parseLine = (line: string): Sample[] => {
  const [, name, labels = "", value] = LINE.exec(line) ?? [];
  if (name === undefined || value === undefined) return [];
  const pairs = [...labels.matchAll(LABEL)].map(([, key = "", text = ""]) => [key, text] as const);
  return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
};

const has = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([key, value]) => labels[key] === value);
