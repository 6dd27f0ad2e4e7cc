/**
 * The most that {@link totalSize} can add up, and the most that a single value may have: 2 to the power of 20, a MiB. Values
 * of more take a schema's `maxLength`, or a rule of their own.
 */
export const MAX_TOTAL = 1_048_576;

/** 1, 2, 4 ... to {@link MAX_TOTAL}. */
const POWERS = Array.from({ length: 21 }, (_, bit) => 2 ** bit);

/**
 * CEL for the sizes of all values of a map together: characters of text, decoded bytes of `format: byte`. Each value has
 * at most {@link MAX_TOTAL}, which {@link eachFits} says.
 *
 * `map.map(key, size(map[key])).sum()` would say it shorter. But older API servers (1.29; no longer 1.33) cannot tell how long a list is
 * that `map` makes, expect the worst of its `sum`, and refuse the whole definition because of its cost. The length
 * of what is counted is never needed here: for each bit of the sizes, how many have it, times what it is worth.
 */
export const totalSize = (map: string): string =>
  POWERS.map((power) => `${map}.filter(key, size(${map}[key]) / ${power} % 2 == 1).size() * ${power}`).join(" + ");

/** CEL for each value of a map being small enough for {@link totalSize}. */
export const eachFits = (map: string): string => `${map}.all(key, size(${map}[key]) <= ${MAX_TOTAL})`;
