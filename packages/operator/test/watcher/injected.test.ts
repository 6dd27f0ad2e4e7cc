/*
 * Which Watchers a Pod has. Invariants:
 * - Annotation and container together count, and neither alone.
 * - A container is known by the ConfigMap that it reads, whatever its name and its list.
 */
import { expect, test } from "vitest";
import { injectedIn } from "../../src/watcher/injected.ts";
import { app, asking, injectedPod, NATIVE, PLAIN, pod, watcher } from "./injection-fixtures.ts";

const annotations = { "watch.example.com/injected": "w", "watch.example.com/injected-revision": "w=1" };
const reading = { name: "any", image: "i", envFrom: [{ configMapRef: { name: "w-config" } }] };

test.each([
  ["native", NATIVE],
  ["plain", PLAIN],
])("what was injected as %s container is found, with its revision", (_as, options) => {
  const watchers = [watcher("a", {}, { revision: "r1" }), watcher("b", {}, { revision: "r2" })];
  const { pod: result } = injectedPod(asking("a,b"), watchers, options);
  expect(injectedIn(result)).toEqual(
    new Map([
      ["a", "r1"],
      ["b", "r2"],
    ]),
  );
});

test("the annotation alone is not enough", () => {
  expect(injectedIn(pod({ annotations }))).toEqual(new Map());
});

test("the container alone is not enough", () => {
  expect(injectedIn(pod({ spec: { containers: [app, reading] } }))).toEqual(new Map());
});

test("a container that has another name by now still counts", () => {
  expect(injectedIn(pod({ annotations, spec: { initContainers: [reading] } }))).toEqual(new Map([["w", "1"]]));
});

test("a Pod that does not say with which revision says so", () => {
  const { "watch.example.com/injected-revision": _, ...named } = annotations;
  expect(injectedIn(pod({ annotations: named, spec: { containers: [reading] } }))).toEqual(new Map([["w", ""]]));
});

test("of an annotation of any length the first 256 entries count: no Pod has more Watchers", () => {
  const names = Array.from({ length: 300 }, (_, i) => `w${i}`);
  const envFrom = names.map((name) => ({ configMapRef: { name: `${name}-config` } }));
  const forged = pod({
    annotations: { "watch.example.com/injected": names.join(",") },
    spec: { containers: [{ ...app, envFrom }] },
  });
  expect([...injectedIn(forged).keys()]).toEqual(names.slice(0, 256));
});
