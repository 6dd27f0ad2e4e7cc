/** Command line flags by name, without the dashes. A list repeats the flag; null removes a default. */
export type Flags = Readonly<Record<string, string | readonly string[] | null>>;

/** Renders flags as arguments; what comes later replaces what comes before. */
export const renderFlags = (...layers: readonly Flags[]): string[] => {
  const merged: Flags = Object.assign({}, ...layers);
  return Object.entries(merged).flatMap(([name, value]) => {
    if (value === null) return [];
    const values = typeof value === "string" ? [value] : value;
    return values.map((one) => `--${name}=${one}`);
  });
};
