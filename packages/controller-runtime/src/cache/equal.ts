/** Deep equality of decoded JSON, `metadata.resourceVersion` left out: whether a new state differs in what was asked for. */
export const sameProjection = (a: object, b: object): boolean => equal(a, b, "object");

type Place = "object" | "metadata" | "inner";

const equal = (a: unknown, b: unknown, place: Place): boolean => {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i], "inner"));
  }
  return !Array.isArray(b) && equalFields(a, b, place);
};

const equalFields = (a: object, b: object, place: Place): boolean => {
  const left = Object.entries(a);
  if (left.length !== Object.keys(b).length) return false;
  const right = new Map<string, unknown>(Object.entries(b));
  for (const [field, value] of left) {
    if (place === "metadata" && field === "resourceVersion") continue;
    const inside: Place = place === "object" && field === "metadata" ? "metadata" : "inner";
    if (!right.has(field) || !equal(value, right.get(field), inside)) return false;
  }
  return true;
};
