/** Numbers in [0, 1) that are the same for the same seed: a linear congruential generator (the constants are Knuth's MMIX). */
export const seededRandom = (seed: number): (() => number) => {
  let state = BigInt.asUintN(64, BigInt(seed) * 0x9e3779b97f4a7c15n);
  return () => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    return Number(state >> 32n) / 2 ** 32;
  };
};
