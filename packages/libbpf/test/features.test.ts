/**
 * Invariants:
 * - a feature is supported where the kernel does it, whatever its version says;
 * - a floor is a Linux release; this kernel has all features whose floor it is past.
 */
import { release } from "node:os";
import { expect, test } from "vitest";
import { type Feature, openHandles, probeBatch, probeFeature, probeFeatures, probeMapType } from "../src/index.ts";
import { onKernel, openFiles } from "./support/machine.ts";

const [major = 0, minor = 0] = release().split(".").map(Number);
const isPast = ({ since }: Feature): boolean => {
  const [sinceMajor = 0, sinceMinor = 0] = since.split(".").map(Number);
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
};

onKernel("a feature", () => {
  test("is there in a kernel that is past its floor", () => {
    const features = probeFeatures();
    expect(features.length).toBeGreaterThan(10);
    for (const feature of features) {
      expect(feature.since).toMatch(/^\d\.\d+$/);
      expect({ [feature.name]: feature.supported || !isPast(feature) }).toEqual({ [feature.name]: true });
    }
  });

  test("is asked for alone, or with others", () => {
    expect(probeFeature("cgroup_link")).toMatchObject({ name: "cgroup_link", since: "5.7" });
    expect(probeFeatures(["btf", "ringbuf"]).map(({ name }) => name)).toEqual(["btf", "ringbuf"]);
  });

  test("is found out without leaving anything", () => {
    const before = openFiles();
    probeFeatures();
    expect(openFiles()).toBe(before);
    expect(openHandles()).toEqual([]);
  });

  test.each(["lru_percpu_hash", "queue", "stack", "bloom_filter", "user_ringbuf"] as const)(
    "is a map type: %s",
    (type) => {
      expect(typeof probeMapType(type)).toBe("boolean");
    },
  );

  test.each(["hash", "array", "percpu_hash", "percpu_array"] as const)("is the batch of a %s", (type) => {
    expect(probeBatch(type)).toBe(true);
  });
});
