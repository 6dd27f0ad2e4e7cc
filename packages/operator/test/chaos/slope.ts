/**
 * How much a series grows from one value to the next: the median of the slopes of all pairs (Theil and Sen), which a few
 * values that stand out do not move. 0 for less than two values.
 */
export const slopeOf = (values: readonly number[]): number => {
  const slopes = values
    .flatMap((late, j) => values.slice(0, j).map((early, i) => (late - early) / (j - i)))
    .sort((a, b) => a - b);
  return slopes[Math.floor(slopes.length / 2)] ?? 0;
};
