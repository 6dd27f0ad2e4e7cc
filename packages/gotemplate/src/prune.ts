import type { JsonValue } from "./data.ts";
import type { Reads } from "./reads.ts";

/**
 * The data without what is not read. A template renders the same from it. Maps on the way to a path stay, empty if need
 * be; whatever is there instead of a map stays as it is. The data is not changed, and shares with the result.
 */
export const prune = (data: JsonValue, reads: Reads): JsonValue =>
  reads.kind === "whole" ? data : pruneTo(data, reads.paths);

const pruneTo = (data: JsonValue, paths: readonly (readonly string[])[]): JsonValue => {
  if (!isMap(data) || paths.some((path) => path.length === 0)) return data;
  const kept = Map.groupBy(paths, ([key]) => key);
  const entries = [...kept].flatMap(([key, below]): [string, JsonValue][] => {
    if (key === undefined || !Object.hasOwn(data, key)) return [];
    const value = data[key];
    return value === undefined
      ? []
      : [
          [
            key,
            pruneTo(
              value,
              below.map((path) => path.slice(1)),
            ),
          ],
        ];
  });
  return Object.fromEntries(entries);
};

const isMap = (value: JsonValue): value is { readonly [key: string]: JsonValue | undefined } =>
  typeof value === "object" && value !== null && !Array.isArray(value);
