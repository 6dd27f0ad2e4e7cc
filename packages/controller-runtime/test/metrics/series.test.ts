/*
 * Invariants
 * - A look-up finds what the one before with the same label values found, and nothing else.
 * - Removing by a label drops all series with that value, and no other.
 * - Series come in the order in which they came into being.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Series } from "../../src/metrics/series.ts";

const NAMES = ["operation", "namespace", "result"];

/** Few, so that they meet; and such as would run into each other if they were joined. */
const value = fc.constantFrom("", "a", "b", "a/b", "b/a");
const labels = fc.tuple(value, value, value);
const step = fc.oneof(
  { weight: 4, arbitrary: labels.map((at) => ({ at })) },
  { weight: 1, arbitrary: fc.tuple(fc.nat(2), value).map(([index, gone]) => ({ index, gone })) },
);

test("counts as a map by label values does, whatever is added and removed", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const series = new Series(NAMES, () => ({ value: 0 }));
      const model = new Map<string, number>();
      for (const one of steps) {
        if ("at" in one) {
          series.at(...one.at).value += 1;
          model.set(JSON.stringify(one.at), (model.get(JSON.stringify(one.at)) ?? 0) + 1);
          continue;
        }
        series.remove(NAMES[one.index] ?? "", one.gone);
        for (const key of [...model.keys()]) if (JSON.parse(key)[one.index] === one.gone) model.delete(key);
      }
      const counted = [...series].map(({ labels, value }) => [JSON.stringify(Object.values(labels)), value.value]);
      expect(counted).toEqual([...model]);
    }),
  );
});

describe("Series", () => {
  test("names the labels, in their order", () => {
    const series = new Series(["verb", "host"], () => 0);
    series.at("GET", "here");
    expect([...series]).toEqual([{ labels: { verb: "GET", host: "here" }, value: 0 }]);
  });

  test("begins anew after a removal", () => {
    const series = new Series(NAMES, () => ({ value: 0 }));
    series.at("create", "shop", "success").value = 5;
    series.remove("namespace", "shop");
    expect(series.at("create", "shop", "success").value).toBe(0);
  });

  test("removes nothing by a label that it does not have", () => {
    const series = new Series(["verb"], () => 0);
    series.at("GET");
    series.remove("namespace", "other");
    series.remove("verb", "PUT");
    expect([...series]).toHaveLength(1);
  });
});
