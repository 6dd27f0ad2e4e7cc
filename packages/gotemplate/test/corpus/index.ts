import { corpusData } from "./data.ts";
import { language, mistakes } from "./language.ts";
import { collections, numbers, strings } from "./strings.ts";

/** A template, and the data that it renders. */
export interface Pair {
  readonly source: string;
  /** JSON. */
  readonly data: string;
  readonly zero: boolean;
}

const DATA = [
  corpusData,
  "{}",
  '{"metadata":{"name":"","labels":null},"words":["é"],"one":"1","text":"x","nested":{"a":[]}}',
];

const templates = [...language, ...mistakes, ...strings, ...numbers, ...collections];

/** Every template with data of every kind, and with data that has next to nothing; both ways for what is missing. */
export const corpus: readonly Pair[] = templates.flatMap((source) =>
  DATA.flatMap((data, index) => [
    { source, data, zero: false },
    ...(index === 0 ? [] : [{ source, data, zero: true }]),
  ]),
);
