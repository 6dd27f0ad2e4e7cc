/* Invariants: what is injected alone decides the revision, and no order of fields does; it fits into an annotation's list. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { WatcherSpec } from "../../src/api/watcher.ts";
import { revisionOf } from "../../src/watcher/revision.ts";

const spec: WatcherSpec = {
  container: { name: "a", image: "i", args: ["x", "y"] },
  volume: { name: "v", emptyDir: {} },
  configData: { a: "1", b: "2" },
};

test.each<[string, Partial<WatcherSpec>]>([
  ["the container", { container: { name: "a", image: "j" } }],
  ["the order of its arguments", { container: { name: "a", image: "i", args: ["y", "x"] } }],
  ["the volume", { volume: { name: "v", configMap: { name: "c" } } }],
  ["configData", { configData: { a: "1", b: "3" } }],
  ["configBinaryData", { configBinaryData: { b: "AA==" } }],
  ["the pull secret", { imagePullSecrets: { name: "s" } }],
  ["injectAs", { injectAs: "Container" }],
])("%s changes it", (_what, change) => {
  expect(revisionOf({ ...spec, ...change })).not.toBe(revisionOf(spec));
});

test.each<[string, Partial<WatcherSpec>]>([
  ["who gets it", { podSelector: {} }],
  ["the rollout", { rollout: "OnChange" }],
  ["a default that is spelt out", { injectAs: "Auto" }],
  ["an empty map", { configBinaryData: {} }],
])("%s does not change it", (_what, change) => {
  expect(revisionOf({ ...spec, ...change })).toBe(revisionOf(spec));
});

test("the order of fields does not matter, and the text has neither blanks nor what separates a list", () => {
  const maps = fc.dictionary(fc.string(), fc.string());
  fc.assert(
    fc.property(maps, maps, (configData, configBinaryData) => {
      const revision = revisionOf({ ...spec, configData, configBinaryData });
      const reversed = Object.fromEntries(Object.entries(configData).toReversed());
      const { configData: _, ...others } = spec;
      expect(revisionOf({ configBinaryData, configData: reversed, ...others })).toBe(revision);
      expect(revision).toMatch(/^[-\w]{16}$/);
    }),
  );
});
