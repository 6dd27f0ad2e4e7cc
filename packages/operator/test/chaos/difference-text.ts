/**
 * What differs between two lists of named things, a line each. Test runners show that beside an assertion's message, which
 * does not reach whoever only reads the message.
 *
 * @returns nothing for an error that is no comparison of lists.
 */
export const differenceText = (error: unknown): readonly string[] => {
  if (!(error instanceof Error)) return [];
  if (!("actual" in error && "expected" in error)) return differenceText(error.cause);
  const [actual, expected] = [byName(error.actual), byName(error.expected)];
  const names = new Set([...actual.keys(), ...expected.keys()]);
  return [...names].flatMap((name) => {
    const [is, shouldBe] = [actual.get(name), expected.get(name)];
    if (is === shouldBe) return [];
    if (is === undefined) return [`missing: ${name}, which should be ${shouldBe}`];
    if (shouldBe === undefined) return [`too many: ${name}, which is ${is}`];
    return [`wrong: ${name} is ${is}`, `  and should be ${shouldBe}`];
  });
};

const byName = (list: unknown): ReadonlyMap<string, string> => {
  const named = Array.isArray(list) ? list.filter(isNamed) : [];
  return new Map(named.map(({ name, ...facts }) => [name, JSON.stringify(facts, sortedKeys)]));
};

/** For JSON.stringify: two values that are equal have one text. */
const sortedKeys = (_key: string, value: unknown): unknown => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
};

const isNamed = (value: unknown): value is { readonly name: string } =>
  typeof value === "object" && value !== null && "name" in value && typeof value.name === "string";
