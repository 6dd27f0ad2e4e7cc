/** The value in the middle; of an even number of values, the mean of the two there. NaN of none. */
export const median = (values: readonly number[]): number => {
  const sorted = ascending(values);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)] ?? Number.NaN;
  return Number.isInteger(half) ? (upper + (sorted[half - 1] ?? Number.NaN)) / 2 : upper;
};

/** The smallest value that is not below `share` (0 to 1) of all: the nearest rank. NaN of none. */
export const percentile = (values: readonly number[], share: number): number =>
  ascending(values)[Math.max(0, Math.ceil(share * values.length) - 1)] ?? Number.NaN;

/** Smallest and largest. */
export const range = (values: readonly number[]): readonly [number, number] => [
  Math.min(...values),
  Math.max(...values),
];

/** How far apart equal measurements came out, as a share of their median: the machine's noise. */
export const noise = (values: readonly number[]): number => {
  const [low, high] = range(values);
  return (high - low) / median(values);
};

const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
