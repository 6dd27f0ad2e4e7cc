/*
 * Injection, whatever Pods and Watchers there are. Invariants:
 * - A second call finds nothing to do, and says the same.
 * - The order in which Watchers come does not matter, and neither does whether they come one by one.
 * - Each Watcher that is asked for is injected or left out with a reason, and never both.
 * - What the Pod had is still there, in its order; names stay unique.
 * - The annotations name exactly what is there.
 */
import fc from "fast-check";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { expect, test } from "vitest";
import type { Watcher } from "../../src/api/watcher.ts";
import { inject } from "../../src/watcher/inject.ts";
import { injectedIn } from "../../src/watcher/injected.ts";
import { requestedBy } from "../../src/watcher/requests.ts";
import { optionsArbitrary, podArbitrary, watchersArbitrary } from "./generated-injections.ts";
import { injectedPod } from "./injection-fixtures.ts";

const all = [podArbitrary, watchersArbitrary, optionsArbitrary] as const;
const RUNS = { numRuns: 200 };

test("a second call has nothing to add, on the same API server or on one that knows more", () => {
  fc.assert(
    fc.property(...all, (pod, watchers, options) => {
      const first = injectedPod(pod, watchers, options);
      const again = inject(first.pod, watchers, options);
      expect(again.patch).toEqual([]);
      expect(again.injected).toEqual(first.injected);
      expect(again.left).toEqual(first.left);
      const upgraded = inject(first.pod, watchers, { nativeSidecars: true });
      for (const name of first.injected) expect(upgraded.added.map(({ watcher }) => watcher)).not.toContain(name);
    }),
    RUNS,
  );
});

test("the order of the Watchers does not matter", () => {
  fc.assert(
    fc.property(...all, (pod, watchers, options) => {
      expect(inject(pod, watchers.toReversed(), options)).toEqual(inject(pod, watchers, options));
    }),
    RUNS,
  );
});

/** The same in any order: volumes and pull secrets, which have no order. */
const unordered = ({ metadata, spec }: Pod) => ({
  metadata,
  spec: {
    ...spec,
    volumes: new Set(spec?.volumes ?? []),
    imagePullSecrets: new Set(spec?.imagePullSecrets ?? []),
  },
});

const nameOf = ({ metadata }: Watcher): string => metadata?.name ?? "";

test("asked for one by one, in any order, they give the same Pod", () => {
  const asked = ["ant", "bee", "cat", "dog"];
  const orders = fc.shuffledSubarray(asked, { minLength: asked.length });
  fc.assert(
    fc.property(podArbitrary, watchersArbitrary, optionsArbitrary, orders, (drawn, watchers, options, order) => {
      // Ports of the host go by name, and selectors ask for several at once: see `inject`.
      const plain = watchers.map(({ spec, ...rest }) =>
        spec === undefined
          ? rest
          : { ...rest, spec: { ...spec, podSelector: null, container: { ...spec.container, ports: [] } } },
      );
      const asking = (pod: Pod, names: string) => {
        const annotations = { ...pod.metadata?.annotations, "watch.example.com/inject": names };
        return { ...pod, metadata: { ...pod.metadata, annotations } };
      };
      const together = injectedPod(asking(drawn, asked.join(",")), plain, options).pod;
      let oneByOne = drawn;
      for (const name of order) oneByOne = injectedPod(asking(oneByOne, name), plain, options).pod;
      expect(unordered(asking(oneByOne, ""))).toEqual(unordered(asking(together, "")));
    }),
    RUNS,
  );
});

test("each Watcher that is asked for is injected or left out with a reason", () => {
  fc.assert(
    fc.property(...all, (pod, watchers, options) => {
      const { requests, invalid } = requestedBy(pod, watchers);
      const { injected, left } = inject(pod, watchers, options);
      const told = left.map(({ watcher }) => watcher);
      expect(new Set([...injected, ...told])).toEqual(
        new Set([...requests.map(({ name }) => name), ...invalid, ...injected]),
      );
      expect(told.filter((name) => injected.includes(name))).toEqual([]);
      for (const { message } of left) expect(message).toMatch(/^[^\n]+$/);
    }),
    RUNS,
  );
});

test("what the Pod had stays in its order, and no name of a container or volume comes twice", () => {
  fc.assert(
    fc.property(...all, (before, watchers, options) => {
      const { pod } = injectedPod(before, watchers, options);
      for (const list of ["initContainers", "containers", "volumes", "imagePullSecrets"] as const) {
        const had: readonly object[] = before.spec?.[list] ?? [];
        const has: readonly object[] = pod.spec?.[list] ?? [];
        expect(has.filter((item) => had.some((other) => JSON.stringify(other) === JSON.stringify(item)))).toEqual(had);
      }
      const names = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      const volumes = (pod.spec?.volumes ?? []).map(({ name }) => name);
      expect(new Set(volumes).size).toBe(volumes.length);
    }),
    RUNS,
  );
});

test("the annotations name exactly the Watchers that the Pod has, with the revision of those that are new", () => {
  fc.assert(
    fc.property(...all, (before, watchers, options) => {
      const { pod, injected, added } = injectedPod(before, watchers, options);
      const present = injectedIn(pod);
      expect([...present.keys()].sort()).toEqual(injected);
      expect(pod.metadata?.annotations?.["watch.example.com/injected"] ?? "").toBe(injected.join(","));
      for (const { watcher, revision } of added) {
        expect(present.get(watcher)).toBe(revision);
        expect(watchers.find((each) => nameOf(each) === watcher)?.status?.revision).toBe(revision);
      }
    }),
    RUNS,
  );
});
