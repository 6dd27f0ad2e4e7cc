/*
 * A namespace in which names are ambiguous, Pods, PodConfigMapConfigs and ConfigMaps come, go and are tampered with, and
 * reconciles run in between in any order. Invariants, after everything has been reconciled:
 * - Another round writes nothing.
 * - Every selected pair of a live Pod has exactly one ConfigMap, unless an object that is not ours stands under its name.
 * - No reconcile touched what is not ours.
 * - A pair that had a hashed name still has it.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Action } from "../../src/podconfigmap/difference.ts";
import { hashedName, readableName } from "../../src/podconfigmap/names.ts";
import { isOurs, madeFor } from "../../src/podconfigmap/ownership.ts";
import { config, Namespace, podView } from "./fixtures.ts";

describe("two pairs with one readable name", () => {
  const smaller = { pod: "a-from-b", pcmc: "aa" };
  const larger = { pod: "a", pcmc: "b-from-aa" };
  const readable = readableName(smaller);
  const only = (pod: string) => ({ podSelector: { matchLabels: { is: pod } } });
  const podOf = (name: string) => podView({ name, labels: { is: name } });
  const both = () =>
    new Namespace({
      pods: [podOf(smaller.pod), podOf(larger.pod)],
      configs: [config(smaller.pcmc, only(smaller.pod)), config(larger.pcmc, only(larger.pod))],
    });
  const owner = (namespace: Namespace, name: string) =>
    namespace.existing(name)?.metadata.labels?.["podconfig.example.com/generated-by-pcmc"];

  test.each([
    ["the smaller first", [smaller.pod, larger.pod]],
    ["the larger first", [larger.pod, smaller.pod]],
  ])("new at once: the smaller PodConfigMapConfig name gets it, %s", (_, order) => {
    const namespace = both();
    namespace.converge(order);
    expect(owner(namespace, readable)).toBe(smaller.pcmc);
    expect(owner(namespace, hashedName(larger))).toBe(larger.pcmc);
    expect(namespace.configMaps.size).toBe(2);
  });

  test("one after the other: who holds the name keeps it", () => {
    const namespace = both();
    namespace.pods.delete(smaller.pod);
    namespace.converge();
    namespace.pods.set(smaller.pod, podOf(smaller.pod));
    namespace.converge();
    expect(owner(namespace, readable)).toBe(larger.pcmc);
    expect(owner(namespace, hashedName(smaller))).toBe(smaller.pcmc);
  });

  test("a hashed name stays when the readable one gets free, until its pair ends", () => {
    const namespace = both();
    namespace.converge();
    namespace.pods.delete(smaller.pod);
    namespace.converge([smaller.pod, larger.pod]);
    expect([...namespace.configMaps.keys()]).toEqual([hashedName(larger)]);
    namespace.pods.delete(larger.pod);
    namespace.converge([larger.pod]);
    namespace.pods.set(larger.pod, podOf(larger.pod));
    namespace.converge();
    expect([...namespace.configMaps.keys()]).toEqual([readable]);
  });

  test("a rival that is not selected does not count", () => {
    const namespace = both();
    namespace.configs.set(smaller.pcmc, config(smaller.pcmc, only("nobody")));
    namespace.converge();
    expect([...namespace.configMaps.keys()]).toEqual([readable]);
  });

  test("a terminating Pod keeps the name it holds, and claims none that it does not hold", () => {
    const terminating = podView({
      name: smaller.pod,
      labels: { is: smaller.pod },
      deletionTimestamp: "2026-01-01T00:00:00Z",
    });
    const holds = both();
    holds.pods.delete(larger.pod);
    holds.converge();
    holds.pods.set(larger.pod, podOf(larger.pod)).set(smaller.pod, terminating);
    holds.converge();
    expect(owner(holds, hashedName(larger))).toBe(larger.pcmc);
    const claims = both();
    claims.pods.set(smaller.pod, terminating);
    claims.converge();
    expect(owner(claims, readable)).toBe(larger.pcmc);
  });

  test("a PodConfigMapConfig whose selector cannot be read keeps the name it holds", () => {
    const namespace = both();
    namespace.pods.delete(larger.pod);
    namespace.converge();
    namespace.pods.set(larger.pod, podOf(larger.pod));
    namespace.configs.set(smaller.pcmc, config(smaller.pcmc, { podSelector: "unreadable" }));
    namespace.converge();
    expect(owner(namespace, readable)).toBe(smaller.pcmc);
    expect(owner(namespace, hashedName(larger))).toBe(larger.pcmc);
  });

  test("marks that speak for both give it to one, and neither fights", () => {
    const namespace = both();
    namespace.put({
      metadata: {
        name: readable,
        labels: {
          "podconfig.example.com/generated-by-pcmc": larger.pcmc,
          "podconfig.example.com/pod-uid": `uid-of-${larger.pod}`,
        },
        ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: smaller.pod, uid: `uid-of-${smaller.pod}` }],
      },
    });
    namespace.converge([larger.pod, smaller.pod]);
    expect(owner(namespace, readable)).toBe(smaller.pcmc);
    expect(owner(namespace, hashedName(larger))).toBe(larger.pcmc);
  });

  test("a pair that has both names, for whatever reason, keeps the hashed one", () => {
    const namespace = both();
    namespace.converge();
    namespace.pods.delete(smaller.pod);
    namespace.converge([smaller.pod]);
    const { uid: _, ...copy } = namespace.existing(hashedName(larger))?.metadata ?? {};
    namespace.put({ metadata: { ...copy, name: readable } });
    namespace.converge();
    expect([...namespace.configMaps.keys()]).toEqual([hashedName(larger)]);
  });
});

const POD_NAMES = ["a", "a-from-b", "a-from-b-from-c"] as const;
const CONFIG_NAMES = ["d", "c-from-d", "b-from-c-from-d", "from-d"] as const;
const ALL_NAMES = POD_NAMES.flatMap((pod) => CONFIG_NAMES.map((pcmc) => ({ pod, pcmc }))).flatMap((pair) => [
  readableName(pair),
  hashedName(pair),
]);

const podName = fc.constantFrom(...POD_NAMES);
const configName = fc.constantFrom(...CONFIG_NAMES);
const anyName = fc.constantFrom(...ALL_NAMES);
const color = fc.constantFrom("red", "blue");
const spec = fc.oneof(
  color.map((wanted) => ({ podSelector: { matchLabels: { color: wanted } } })),
  fc.constant({}),
  fc.constant({ labelsToInclude: ["color"] }),
);

/** One thing that can happen; it says what it does, for counterexamples. */
type Step = (namespace: Namespace) => void;
const named = (text: string, step: Step): Step => Object.assign(step, { toString: () => text });

let uids = 0;
const step: fc.Arbitrary<Step> = fc.oneof(
  fc
    .tuple(podName, color)
    .map(([name, of]) =>
      named(`new Pod ${name} ${of}`, (n) =>
        n.pods.set(name, podView({ name, uid: `uid-${name}-${++uids}`, labels: { color: of } })),
      ),
    ),
  fc.tuple(podName, color).map(([name, of]) =>
    named(`label ${name} ${of}`, (n) => {
      const pod = n.pods.get(name);
      if (pod !== undefined) n.pods.set(name, { ...pod, labels: { color: of } });
    }),
  ),
  podName.map((name) => named(`Pod ${name} goes`, (n) => n.pods.delete(name))),
  fc
    .tuple(configName, spec)
    .map(([name, of]) => named(`PCMC ${name} ${JSON.stringify(of)}`, (n) => n.configs.set(name, config(name, of)))),
  configName.map((name) => named(`PCMC ${name} goes`, (n) => n.configs.delete(name))),
  anyName.map((name) => named(`delete ${name}`, (n) => n.configMaps.delete(name))),
  anyName.map((name) =>
    named(`tamper with ${name}`, (n) => {
      if (n.configMaps.has(name)) n.edit(name, (c) => ({ ...c, data: { tampered: "1" } }));
    }),
  ),
  anyName.map((name) =>
    named(`strip the labels of ${name}`, (n) => {
      if (n.configMaps.has(name)) n.edit(name, (c) => ({ ...c, metadata: { ...c.metadata, labels: {} } }));
    }),
  ),
  anyName.map((name) =>
    named(`make ${name} immutable`, (n) => {
      if (n.configMaps.has(name)) n.edit(name, (c) => ({ ...c, immutable: true }));
    }),
  ),
  anyName.map((name) =>
    named(`foreign ${name}`, (n) => {
      if (!n.configMaps.has(name)) n.put({ metadata: { name, labels: { foreign: "yes" } } });
    }),
  ),
  podName.map((name) => named(`reconcile ${name}`, (n) => void n.reconcile(name))),
);

const foreignIn = (namespace: Namespace) =>
  [...namespace.configMaps.values()].filter(({ metadata }) => metadata?.labels?.foreign === "yes");

/** The pairs that should have a ConfigMap, each with the names of those that are its own. */
const pairsIn = (namespace: Namespace) =>
  [...namespace.pods.values()].flatMap((pod) =>
    namespace.settle(pod.name).map(({ pcmc }) => {
      const claim = { pod: pod.name, pcmc, podUid: pod.uid };
      const names = [readableName(claim), hashedName(claim)];
      return { claim, own: names.filter((name) => isOurs(namespace.configMaps.get(name)?.metadata ?? {}, claim)) };
    }),
  );

test("whatever happens in whatever order, the namespace comes to rest as it should be", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
      const namespace = new Namespace();
      for (const one of steps) {
        const before = foreignIn(namespace);
        one(namespace);
        if (String(one).startsWith("reconcile")) expect(foreignIn(namespace)).toEqual(before);
      }
      const hashed = pairsIn(namespace).filter(({ claim, own }) => own.includes(hashedName(claim)));
      const foreign = foreignIn(namespace);
      namespace.converge(POD_NAMES);

      expect(foreignIn(namespace)).toEqual(foreign);
      const left = new Map(POD_NAMES.map((name): [string, readonly Action[]] => [name, namespace.actions(name)]));
      expect([...left.values()].flat().every(({ type }) => type === "conflict")).toBe(true);
      for (const { claim, own } of pairsIn(namespace)) {
        const blocked = left.get(claim.pod)?.some(({ pcmc }) => pcmc === claim.pcmc) ?? false;
        if (blocked) expect(own).toEqual([]);
        if (!blocked) expect(own).toHaveLength(1);
      }
      const after = new Map(pairsIn(namespace).map(({ claim, own }) => [JSON.stringify(claim), own]));
      for (const { claim } of hashed) expect(after.get(JSON.stringify(claim))).toContain(hashedName(claim));
      const live = new Set([...namespace.pods.values()].map(({ uid }) => uid));
      for (const { metadata = {} } of namespace.configMaps.values()) {
        const claim = madeFor(metadata);
        if (claim !== undefined) expect(live.has(claim.podUid)).toBe(true);
      }
    }),
    { numRuns: 2_000 },
  );
});
