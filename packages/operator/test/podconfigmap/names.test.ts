/*
 * Invariants:
 * - A name is a DNS subdomain of at most 253 characters, a label value has at most 63.
 * - No hashed name is a readable one, of any pair; two pairs have two hashed names.
 * - Of the pairs of one readable name at most one gets it, whatever is held, and every pair agrees on which.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isLabelValue } from "../../src/api/syntax.ts";
import {
  chooseName,
  hashedName,
  labelValueOf,
  otherPairs,
  type Pair,
  pairsOf,
  pcmcNameFrom,
  readableName,
  samePair,
} from "../../src/podconfigmap/names.ts";

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Names, many of them with `from` where it hurts. */
const name = fc
  .array(fc.constantFrom("a", "b", "from", "x.y", "from.z"), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join("-"));
const longName = fc
  .stringMatching(/^[a-z0-9]([a-z0-9]|-[a-z0-9]|\.[a-z0-9]){20,125}$/)
  .map((text) => text.slice(0, 253).replace(/[^a-z0-9]+$/, ""));
const pair = fc.record({ pod: fc.oneof(name, longName), pcmc: fc.oneof(name, longName) });

describe("the readable name", () => {
  test("is the one that users know", () => {
    expect(readableName({ pod: "web-0", pcmc: "basic" })).toBe("pod-web-0-from-basic-cfg");
  });

  test("is shared by pairs that are told apart by nothing else", () => {
    expect(otherPairs({ pod: "a", pcmc: "b-from-c" })).toEqual([{ pod: "a-from-b", pcmc: "c" }]);
    expect(otherPairs({ pod: "a-from-b", pcmc: "c" })).toEqual([{ pod: "a", pcmc: "b-from-c" }]);
  });

  test("is split where -from- overlaps itself", () => {
    expect(otherPairs({ pod: "a-from", pcmc: "b" })).toEqual([{ pod: "a", pcmc: "from-b" }]);
    expect(pairsOf("pod-a-from-from-from-b-cfg")).toHaveLength(3);
  });

  test("is not split into what cannot be a name", () => {
    expect(otherPairs({ pod: "a--from-b", pcmc: "c" })).toEqual([]);
    expect(otherPairs({ pod: "a", pcmc: "b.c-from-d" })).toEqual([{ pod: "a-from-b.c", pcmc: "d" }]);
    expect(pairsOf("pod-a-cfg")).toEqual([]);
    expect(pairsOf("something-else")).toEqual([]);
  });

  test("gives back all pairs that have it, the own one among them", () => {
    fc.assert(
      fc.property(pair, (self) => {
        const pairs = pairsOf(readableName(self));
        expect(pairs).toContainEqual(self);
        for (const one of pairs) expect(readableName(one)).toBe(readableName(self));
      }),
    );
  });
});

describe("the hashed name", () => {
  test("is a valid name that no readable one can be taken for", () => {
    fc.assert(
      fc.property(pair, (self) => {
        const hashed = hashedName(self);
        expect(hashed.length).toBeLessThanOrEqual(253);
        expect(hashed).toMatch(SUBDOMAIN);
        expect(pairsOf(hashed)).toEqual([]);
      }),
    );
  });

  test("begins with what can be read and stays the same over releases", () => {
    expect(hashedName({ pod: "web-0", pcmc: "basic" })).toBe("pod-web-0-from-basic-cfg-26f9001842b219f6934b");
  });

  test("is another one for every other pair, those of the same readable name above all", () => {
    fc.assert(
      fc.property(pair, (self) => {
        for (const other of otherPairs(self)) expect(hashedName(other)).not.toBe(hashedName(self));
      }),
    );
  });
});

describe("the chosen name", () => {
  const nobody = { holderOf: () => undefined, holdsHashed: () => false, isSelected: () => false };
  const first = { pod: "a-from-b", pcmc: "aa" };
  const second = { pod: "a", pcmc: "b-from-aa" };

  test("is the readable one up to 253 characters, and a hashed one beyond", () => {
    const fits = { pod: "p".repeat(238), pcmc: "c" };
    const passes = { pod: "p".repeat(239), pcmc: "c" };
    expect(readableName(fits)).toHaveLength(253);
    expect(chooseName(fits, nobody)).toBe(readableName(fits));
    expect(chooseName(passes, nobody)).toBe(hashedName(passes));
  });

  test("is the readable one where no other pair is live and selected", () => {
    expect(chooseName(second, nobody)).toBe(readableName(second));
  });

  test("goes to the lexically smaller PodConfigMapConfig where nobody holds it", () => {
    const lookups = { ...nobody, isSelected: () => true };
    expect(chooseName(first, lookups)).toBe(readableName(first));
    expect(chooseName(second, lookups)).toBe(hashedName(second));
  });

  test("stays with the pair that holds it, smaller or not", () => {
    const lookups = { ...nobody, isSelected: () => true, holderOf: () => second };
    expect(chooseName(second, lookups)).toBe(readableName(second));
    expect(chooseName(first, lookups)).toBe(hashedName(first));
  });

  test("stays hashed once it is, also when the readable one gets free", () => {
    expect(chooseName(first, { ...nobody, holdsHashed: () => true })).toBe(hashedName(first));
  });

  test("is the readable one where the smaller rival holds a hashed one for good", () => {
    const lookups = { ...nobody, isSelected: () => true, holdsHashed: (one: Pair) => samePair(one, first) };
    expect(chooseName(second, lookups)).toBe(readableName(second));
  });

  test("is the readable one for at most one of the pairs that share it, whatever is held", () => {
    fc.assert(
      fc.property(
        name,
        name,
        fc.array(fc.boolean()),
        fc.array(fc.boolean()),
        fc.nat(5),
        (pod, pcmc, hashed, live, held) => {
          const pairs = pairsOf(readableName({ pod, pcmc }));
          const indexOf = (one: Pair) => pairs.findIndex((other) => samePair(one, other));
          const selected = pairs.filter((_, i) => live[i] ?? true);
          const lookups = {
            holderOf: () => selected[held],
            holdsHashed: (one: Pair) => hashed[indexOf(one)] ?? false,
            isSelected: (one: Pair) => live[indexOf(one)] ?? true,
          };
          const names = selected.map((one) => chooseName(one, lookups));
          expect(new Set(names).size).toBe(names.length);
        },
      ),
    );
  });
});

describe("the label value of a PodConfigMapConfig", () => {
  test("is its name up to 63 characters", () => {
    expect(labelValueOf("c".repeat(63))).toBe("c".repeat(63));
    expect(pcmcNameFrom("basic", undefined)).toBe("basic");
  });

  test("is a hash beyond, from which the annotation gives the name back", () => {
    const long = "c".repeat(64);
    expect(isLabelValue(labelValueOf(long))).toBe(true);
    expect(labelValueOf(long)).not.toBe(labelValueOf(`${long}c`));
    expect(pcmcNameFrom(labelValueOf(long), long)).toBe(long);
    expect(pcmcNameFrom(labelValueOf(long), undefined)).toBeUndefined();
    expect(pcmcNameFrom(labelValueOf(long), `${long}c`)).toBeUndefined();
  });

  test("is valid, and leads back to its name, for every name", () => {
    fc.assert(
      fc.property(fc.oneof(name, longName), (pcmc) => {
        const label = labelValueOf(pcmc);
        expect(isLabelValue(label)).toBe(true);
        expect(pcmcNameFrom(label, pcmc)).toBe(pcmc);
        expect(label.includes("_")).toBe(pcmc.length > 63);
      }),
    );
  });
});
