/*
 * What a Deployment should have. Invariants:
 * - No rule but `list` on Pods is without names: without names it would be for all Pods.
 * - Names are those of the Pods given, each once, and no other.
 * - What is made fits into etcd; which Pods are left out does not depend on anything but their names.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { MANAGED_BY, OWNER_UID } from "../../src/podlogreader/names.ts";
import { desiredObjects, isAffiliated, MAX_NAME_BYTES, rulesFor } from "../../src/podlogreader/role.ts";
import { NO_CHOICES, owner } from "./fixtures.ts";

const LIST = { apiGroups: [""], resources: ["pods"], verbs: ["list"] };
const podNames = fc.uniqueArray(fc.stringMatching(/^[a-z]([-a-z0-9]{0,40}[a-z0-9])?$/)).map((names) => names.sort());
const choices = fc.record({ createSaAndRoleBinding: fc.boolean(), allowPodGet: fc.boolean() });

test("a Role lets list Pods, and read the logs of those that there are", () => {
  expect(rulesFor(["web-0", "web-1"], NO_CHOICES)).toEqual([
    LIST,
    { apiGroups: [""], resources: ["pods/log"], resourceNames: ["web-0", "web-1"], verbs: ["get", "list", "watch"] },
  ]);
});

test("without Pods there is no rule on logs", () => {
  expect(rulesFor([], NO_CHOICES)).toEqual([LIST]);
  expect(rulesFor([], { allowPodGet: true })).toEqual([LIST]);
});

test("with allowPodGet the same Pods can be got", () => {
  const [list, logs, pods, ...more] = rulesFor(["web-0"], { allowPodGet: true });
  expect([list, logs]).toEqual(rulesFor(["web-0"], NO_CHOICES));
  expect(pods).toEqual({ apiGroups: [""], resources: ["pods"], resourceNames: ["web-0"], verbs: ["get"] });
  expect(more).toEqual([]);
});

test("whatever Pods there are, only listing is for all of them, and everything else for them and no other", () => {
  fc.assert(
    fc.property(podNames, choices, (pods, chosen) => {
      const { role, left } = desiredObjects(owner, pods, chosen);
      expect(left).toBe(0);
      expect(role.rules?.[0]).toEqual(LIST);
      for (const { resourceNames, resources, verbs } of role.rules?.slice(1) ?? []) {
        expect(resourceNames).toEqual(pods);
        expect(pods.length).toBeGreaterThan(0);
        expect(["pods/log:get,list,watch", "pods:get"]).toContain(`${resources}:${verbs}`);
      }
      expect(role.rules).toHaveLength(pods.length === 0 ? 1 : chosen.allowPodGet ? 3 : 2);
    }),
  );
});

test("everything bears both marks and an ownerReference that holds nobody up", () => {
  const { role, serviceAccount, roleBinding } = desiredObjects(owner, ["web-0"], {
    ...NO_CHOICES,
    createSaAndRoleBinding: true,
  });
  for (const object of [role, serviceAccount, roleBinding]) {
    expect(object?.metadata).toEqual({
      name: "podlogreader-web",
      namespace: "shop",
      labels: { [MANAGED_BY.label]: MANAGED_BY.value },
      annotations: { [OWNER_UID]: "uid-of-web" },
      ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name: "web", uid: "uid-of-web" }],
    });
  }
});

test("a RoleBinding gives the Role to the ServiceAccount of the namespace, and to nobody else", () => {
  const { roleBinding } = desiredObjects(owner, [], { ...NO_CHOICES, createSaAndRoleBinding: true });
  expect(roleBinding?.roleRef).toEqual({
    apiGroup: "rbac.authorization.k8s.io",
    kind: "Role",
    name: "podlogreader-web",
  });
  expect(roleBinding?.subjects).toEqual([{ kind: "ServiceAccount", name: "podlogreader-web", namespace: "shop" }]);
});

test("without the choice there is neither ServiceAccount nor RoleBinding", () => {
  const { serviceAccount, roleBinding } = desiredObjects(owner, ["web-0"], NO_CHOICES);
  expect([serviceAccount, roleBinding]).toEqual([undefined, undefined]);
});

test("more Pods than a Role has room for: the first by name are in it, the others are counted, and there are always names", () => {
  const pods = Array.from({ length: 20_000 }, (_, i) => `${"p".repeat(57)}-${String(i).padStart(5, "0")}`);
  for (const allowPodGet of [false, true]) {
    const { role, left } = desiredObjects(owner, pods, { ...NO_CHOICES, allowPodGet });
    const named = role.rules?.[1]?.resourceNames ?? [];
    expect(named).toEqual(pods.slice(0, named.length));
    expect(named.length + left).toBe(pods.length);
    expect(left).toBeGreaterThan(0);
    const rules = role.rules?.slice(1) ?? [];
    expect(JSON.stringify(rules.map(({ resourceNames }) => resourceNames)).length).toBeLessThan(MAX_NAME_BYTES + 20);
    for (const { resourceNames } of rules) expect(resourceNames?.length).toBe(named.length);
  }
});

test("it is the label of the Pod template that counts, and its exact value", () => {
  const deployment = (labels: Record<string, string>) => ({
    spec: { selector: {}, template: { metadata: { labels } } },
  });
  expect(isAffiliated(deployment({ "podlogreader-affiliate": "enable" }))).toBe(true);
  for (const value of ["", "true", "Enable", "disable"]) {
    expect(isAffiliated(deployment({ "podlogreader-affiliate": value }))).toBe(false);
  }
  expect(
    isAffiliated({
      metadata: { labels: { "podlogreader-affiliate": "enable" } },
      spec: { selector: {}, template: {} },
    }),
  ).toBe(false);
  expect(isAffiliated({})).toBe(false);
});
