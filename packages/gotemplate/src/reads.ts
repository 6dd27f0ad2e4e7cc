/**
 * What of its data a template reads: everything, or what is at and below the given paths from the root. Never less than
 * it reads: rendering from data pruned to these paths gives the same output or the same error.
 */
export type Reads =
  | { readonly kind: "whole" }
  | {
      readonly kind: "paths";
      /** Keys of nested maps. Sorted; none is the beginning of another. */
      readonly paths: readonly (readonly string[])[];
    };

/** What is read by one or another. */
export const union = (all: readonly Reads[]): Reads => {
  const paths: (readonly string[])[] = [];
  for (const reads of all) {
    if (reads.kind === "whole") return reads;
    paths.push(...reads.paths);
  }
  const kept: (readonly string[])[] = [];
  for (const path of paths.sort(compare)) {
    // Sorted, so what lies below a path comes right after it.
    const last = kept.at(-1);
    if (!last?.every((key, index) => path[index] === key)) kept.push(path);
  }
  return { kind: "paths", paths: kept };
};

const compare = (one: readonly string[], other: readonly string[]): number => {
  for (const [index, key] of one.entries()) {
    const against = other[index];
    if (against === undefined) return 1;
    if (key !== against) return key < against ? -1 : 1;
  }
  return one.length - other.length;
};
