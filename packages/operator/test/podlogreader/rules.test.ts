/*
 * Comparing rules and bindings. Invariants:
 * - What grants the same is the same, in whichever order it is written.
 * - Nothing that is there and not meant is tolerated, not for a moment; names of what is gone are.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { desiredObjects, rulesFor } from "../../src/podlogreader/role.ts";
import { grantsTooMuch, sameBinding, sameRules } from "../../src/podlogreader/rules.ts";
import { NO_CHOICES, owner } from "./fixtures.ts";

const PODS = new Set(["web-0", "web-1"]);
const OTHERS = new Set(["db-0"]);
const tolerated = { pods: PODS, exists: (pod: string) => PODS.has(pod) || OTHERS.has(pod), allowPodGet: false };
const isTooMuch = (rules: Parameters<typeof grantsTooMuch>[0]) => grantsTooMuch(rules, tolerated);

test("the order of rules, verbs and names means nothing", () => {
  const rules = rulesFor(["web-0", "web-1"], { allowPodGet: true });
  fc.assert(
    fc.property(fc.shuffledSubarray(rules, { minLength: rules.length }), fc.boolean(), (shuffled, turn) => {
      const turned = shuffled.map((rule) => ({ ...rule, verbs: turn ? rule.verbs.toReversed() : rule.verbs }));
      expect(sameRules(turned, rules)).toBe(true);
    }),
  );
});

test("a rule more, a rule less, another verb, another name is another Role", () => {
  const rules = rulesFor(["web-0"], NO_CHOICES);
  const [list, logs] = rules;
  expect(sameRules([...rules, { apiGroups: [""], resources: ["secrets"], verbs: ["get"] }], rules)).toBe(false);
  expect(sameRules(list && [list], rules)).toBe(false);
  expect(sameRules(undefined, rules)).toBe(false);
  expect(sameRules(null, rules)).toBe(false);
  expect(sameRules(list && logs && [list, { ...logs, verbs: ["get"] }], rules)).toBe(false);
  expect(sameRules(rulesFor(["web-1"], NO_CHOICES), rules)).toBe(false);
  expect(sameRules(list && logs && [list, { ...logs, nonResourceURLs: ["/metrics"] }], rules)).toBe(false);
});

test("a name of a Pod that is gone can wait, and so can one that is missing", () => {
  expect(isTooMuch(rulesFor(["web-0", "gone-0"], NO_CHOICES))).toBe(false);
  expect(isTooMuch(rulesFor(["web-0"], NO_CHOICES))).toBe(false);
  expect(isTooMuch(rulesFor([], NO_CHOICES))).toBe(false);
  expect(isTooMuch([])).toBe(false);
});

test("the name of a Pod that is there and not the Deployment's cannot wait", () => {
  expect(isTooMuch(rulesFor(["web-0", "db-0"], NO_CHOICES))).toBe(true);
});

test("the logs of all Pods, another resource, another verb cannot wait", () => {
  const list = rulesFor([], NO_CHOICES);
  const logs = { apiGroups: [""], resources: ["pods/log"], verbs: ["get", "list", "watch"] };
  expect(isTooMuch([...list, logs])).toBe(true);
  expect(isTooMuch([...list, { ...logs, resourceNames: [] }])).toBe(true);
  expect(isTooMuch([...list, { ...logs, resources: ["pods/exec"], resourceNames: ["web-0"] }])).toBe(true);
  expect(isTooMuch([...list, { ...logs, verbs: ["*"], resourceNames: ["web-0"] }])).toBe(true);
  expect(isTooMuch([{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }])).toBe(true);
});

test("getting Pods is too much unless it is chosen, also while there are no Pods", () => {
  const rules = rulesFor(["gone-0"], { allowPodGet: true });
  expect(isTooMuch(rules)).toBe(true);
  expect(grantsTooMuch(rules, { ...tolerated, pods: new Set(), allowPodGet: true })).toBe(false);
});

test("a RoleBinding to others, to more, or of another role is another one", () => {
  const { roleBinding } = desiredObjects(owner, [], { ...NO_CHOICES, createSaAndRoleBinding: true });
  if (roleBinding === undefined) throw new Error("there is none");
  const [subject] = roleBinding.subjects ?? [];
  expect(sameBinding({ ...roleBinding, metadata: {} }, roleBinding)).toBe(true);
  const user = { kind: "User", name: "eve", apiGroup: "rbac.authorization.k8s.io" };
  expect(sameBinding({ ...roleBinding, subjects: [...(roleBinding.subjects ?? []), user] }, roleBinding)).toBe(false);
  expect(sameBinding({ ...roleBinding, subjects: [] }, roleBinding)).toBe(false);
  const elsewhere = subject && [{ ...subject, namespace: "other" }];
  expect(sameBinding({ ...roleBinding, ...(elsewhere && { subjects: elsewhere }) }, roleBinding)).toBe(false);
  const roleRef = { ...roleBinding.roleRef, kind: "ClusterRole" };
  expect(sameBinding({ ...roleBinding, roleRef }, roleBinding)).toBe(false);
});
