const SUFFIXES: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

const QUANTITY = /^([+-]?[0-9.]+)(?:([eE][+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i)?)$/;

/**
 * A number that two quantities share when they are the same amount: `0.5` and `500m`. Exact to 15 digits; what is no quantity
 * stands for itself. Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export const amountOf = (quantity: unknown): unknown => {
  if (typeof quantity !== "string") return quantity;
  const [, digits, exponent, suffix = ""] = QUANTITY.exec(quantity) ?? [];
  if (digits === undefined) return quantity;
  if (exponent !== undefined) return rounded(Number(`${digits}${exponent}`));
  return rounded(Number(digits) * (SUFFIXES[suffix] ?? Number.NaN));
};

const rounded = (amount: number): number => Number(amount.toPrecision(15));
