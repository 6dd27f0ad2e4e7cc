/*
 * How Pod labels and annotations become keys of a ConfigMap's data. The API server refuses `/` in data keys, so it becomes `_`,
 * and two keys can become one.
 */

/** The data key of a Pod label: `label_app.kubernetes.io_name`. */
export const labelDataKey = (labelKey: string): string => `label_${labelKey.replaceAll("/", "_")}`;

/** The data key of a Pod annotation: `annotation_example.com_owner`. */
export const annotationDataKey = (annotationKey: string): string => `annotation_${annotationKey.replaceAll("/", "_")}`;

/**
 * The different keys of `keys` that share a data key, one list for each data key; duplicates in a list are one key.
 *
 * @example collisions(["a/b", "a_b", "c", "c"], labelDataKey) // Map { "label_a_b" => ["a/b", "a_b"] }
 */
export const collisions = (
  keys: readonly string[],
  dataKey: (key: string) => string,
): Map<string, readonly string[]> => {
  const sources = Map.groupBy(new Set(keys), dataKey);
  return new Map([...sources].filter(([, colliding]) => colliding.length > 1));
};
