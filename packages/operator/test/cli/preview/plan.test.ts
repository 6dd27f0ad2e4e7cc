/*
 * Invariants:
 * - Offline, what is planned is what a reconcile creates in an empty namespace.
 * - Live, what is planned is what a reconcile leaves behind, in whatever state the namespace is; once converged, nothing differs.
 * - Once the time is up, nothing is planned, and what would have been is late: no ConfigMap goes missing in silence.
 */
import fc from "fast-check";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { describe, expect, test } from "vitest";
import { plainConfigMap } from "../../../src/cli/preview/configmap-text.ts";
import { planLive } from "../../../src/cli/preview/plan-live.ts";
import { planOffline } from "../../../src/cli/preview/plan-offline.ts";
import type { NamedPod } from "../../../src/cli/preview/pods.ts";
import type { Plan, Result, Scene } from "../../../src/cli/preview/scene.ts";
import { config, Namespace, podView } from "../../podconfigmap/fixtures.ts";

const names = fc.constantFrom("a", "a-from-b", "b", "b-from-c", "c", "p".repeat(250));
const labels = fc.dictionary(fc.constantFrom("app", "tier"), fc.constantFrom("x", "y"));
const pods = fc.uniqueArray(fc.record({ name: names, labels, isTerminating: fc.boolean() }), {
  selector: ({ name }) => name,
});
const specs = fc.record(
  { podSelector: fc.record({ matchLabels: labels }), labelsToInclude: fc.constant(["app"]) },
  { requiredKeys: [] },
);
const configs = fc.uniqueArray(fc.record({ name: names, spec: specs }), { selector: ({ name }) => name });

interface Wish {
  readonly pods: readonly { name: string; labels: Record<string, string>; isTerminating: boolean }[];
  readonly configs: readonly { name: string; spec: object }[];
}

const namespaceOf = (wish: Wish): Namespace =>
  new Namespace({
    pods: wish.pods.map(({ name, labels, isTerminating }) =>
      podView({ name, labels, deletionTimestamp: isTerminating ? "2026-01-01T00:00:00Z" : undefined }),
    ),
    configs: wish.configs.map(({ name, spec }) => config(name, spec)),
  });

const sceneOf = ({ pods, configs }: Namespace): Scene => ({
  namespace: "shop",
  pods: [...pods.values()].map(
    ({ nodeName, phase, labels, annotations: _, deletionTimestamp, ...pod }): NamedPod => ({
      metadata: { ...pod, ...(labels && { labels }), ...(deletionTimestamp && { deletionTimestamp }) },
      spec: { containers: [], ...(nodeName && { nodeName }) },
      status: { ...(phase && { phase }) },
    }),
  ),
  configs: [...configs.values()],
  shown: new Set(configs.keys()),
});

const never = () => {
  throw new Error("there is no template");
};

const textOf = (configMap: ConfigMap) => JSON.stringify(plainConfigMap(configMap));
const all = (plan: Plan): readonly Result[] => [...plan(() => false)];
const made = (results: readonly Result[]) =>
  results.flatMap((result) => (result.kind === "made" ? [textOf(result.after)] : [])).sort();
const livePlan = (namespace: Namespace) =>
  planLive({ ...sceneOf(namespace), configMaps: [...namespace.configMaps.values()] }, never);
const live = (namespace: Namespace) => all(livePlan(namespace));

/** What a reconcile of a Pod deletes, of PodConfigMapConfigs that are still there: of others there is no file to preview. */
const deletedBy = (namespace: Namespace, pod: string) =>
  namespace
    .actions(pod)
    .flatMap((action) => (action.type === "delete" && namespace.configs.has(action.pcmc) ? [action.name] : []));

test("offline, it is what a reconcile creates", () => {
  fc.assert(
    fc.property(fc.record({ pods, configs }), (wish) => {
      const namespace = namespaceOf(wish);
      const created = [...namespace.pods.keys()].flatMap((name) =>
        namespace.actions(name).flatMap((action) => (action.type === "create" ? [textOf(action.configMap)] : [])),
      );
      expect(made(all(planOffline(sceneOf(namespace), never)))).toEqual(created.sort());
    }),
  );
});

test("live, it is what the next reconcile of each Pod leaves behind", () => {
  fc.assert(
    fc.property(fc.record({ pods, configs }), fc.record({ pods, configs }), (before, now) => {
      const namespace = namespaceOf(before);
      namespace.converge();
      const next = namespaceOf(now);
      next.configMaps = namespace.configMaps;
      const deleted = live(next).flatMap((result) => (result.kind === "deleted" ? [result.before.metadata?.name] : []));
      expect(deleted).toEqual([...next.pods.keys()].flatMap((pod) => deletedBy(next, pod)));
      for (const pod of next.pods.keys()) {
        const planned = live(next).filter((result) => "pod" in result && result.pod === pod);
        const wanted = next.settle(pod);
        const conflicts = next.reconcile(pod).flatMap((one) => (one.type === "conflict" ? [one.pcmc] : []));
        expect(planned.flatMap((one) => (one.kind === "failed" ? [one.pcmc] : []))).toEqual(conflicts);
        const left = wanted.flatMap((one) => {
          const isOurs = one.kind === "desired" && !conflicts.includes(one.pcmc);
          const held = isOurs ? next.configMaps.get(one.configMap.name) : undefined;
          return held === undefined ? [] : [textOf(held)];
        });
        expect(made(planned)).toEqual(left.sort());
      }
    }),
  );
});

test("in a converged namespace nothing differs, and nothing is deleted", () => {
  fc.assert(
    fc.property(fc.record({ pods, configs }), (wish) => {
      const namespace = namespaceOf(wish);
      namespace.converge();
      for (const result of live(namespace)) {
        expect(result.kind).toBe("made");
        if (result.kind === "made") expect(result.before && textOf(result.before)).toBe(textOf(result.after));
      }
    }),
  );
});

test("only the PodConfigMapConfigs that are shown are planned, among all of them", () => {
  const namespace = new Namespace({ pods: [podView()], configs: [config("a"), config("b")] });
  const scene = { ...sceneOf(namespace), shown: new Set(["b"]) };
  expect(all(planOffline(scene, never)).map(({ pcmc }) => pcmc)).toEqual(["b"]);
  expect(all(planLive({ ...scene, configMaps: [] }, never)).map(({ pcmc }) => pcmc)).toEqual(["b"]);
});

describe("once the time is up", () => {
  const isOver = () => true;
  const pairs = (results: Iterable<Result>) =>
    [...results].flatMap((one) => ("pod" in one ? [`${one.kind === "late"} ${one.pod} ${one.pcmc}`] : [])).sort();

  test("every ConfigMap that would be shown is late", () => {
    fc.assert(
      fc.property(fc.record({ pods, configs }), fc.record({ pods, configs }), (before, now) => {
        const namespace = namespaceOf(before);
        namespace.converge();
        const next = namespaceOf(now);
        next.configMaps = namespace.configMaps;
        const planned = live(next).map((one) => ("pod" in one ? `true ${one.pod} ${one.pcmc}` : ""));
        expect(pairs(livePlan(next)(isOver))).toEqual(expect.arrayContaining(planned));
        const alone = namespaceOf(now);
        const wanted = all(planOffline(sceneOf(alone), never)).map(
          (one) => "pod" in one && `true ${one.pod} ${one.pcmc}`,
        );
        expect(pairs(planOffline(sceneOf(alone), never)(isOver))).toEqual(wanted.sort());
      }),
    );
  });

  test("what has failed before has failed with its own words", () => {
    const templates = { configMapDataTemplate: { a: "x" } };
    const namespace = new Namespace({ pods: [podView()], configs: [config("a", templates), config("b")] });
    const rendered = () => ({ ok: false, faults: [{ key: "a", line: 1, message: "no x" }] }) as const;
    expect([...planOffline(sceneOf(namespace), rendered)(isOver)]).toMatchObject([
      { kind: "failed", pcmc: "a", message: "a:1:1: no x", faults: [{ key: "a" }] },
      { kind: "late", pcmc: "b" },
    ]);
  });

  test("a Pod is planned when it is asked for", () => {
    const namespace = new Namespace({ pods: [podView({ name: "a" }), podView({ name: "b" })], configs: [config("c")] });
    let asked = 0;
    const results = planOffline(sceneOf(namespace), never)(() => asked++ > 0);
    expect([...results].map(({ kind }) => kind)).toEqual(["made", "late"]);
  });
});
