/*
 * What who-can-read says that this operator keeps. Whoever may write an object can put any label and annotation on it.
 *
 * Invariants:
 * - What podlogreader makes for a Deployment is its own, whatever its settings.
 * - What differs from that in kind, place, name, UID or in what it grants is not, whatever marks it bears.
 */
import type { PolicyRule, Subject } from "kubernetes-types/rbac/v1.d.ts";
import { describe, expect, test } from "vitest";
import type { RbacObject } from "../../src/access/bindings.ts";
import { oursFor } from "../../src/access/ours.ts";
import { AFFILIATE } from "../../src/podlogreader/names.ts";
import { type Choices, desiredObjects, ownerOf, rulesFor } from "../../src/podlogreader/role.ts";

const PODS = ["web-a", "web-b"];
/** Of the Pods that are there, `db-0` is another's. */
const existing: ReadonlySet<string> = new Set([...PODS, "db-0"]);

const deploymentWith = (labels: Readonly<Record<string, string>>) => ({
  metadata: { name: "web", namespace: "shop", uid: "uid-1", resourceVersion: "1" },
  spec: { selector: {}, template: { metadata: { labels } } },
});
const deployment = deploymentWith({ [AFFILIATE.label]: AFFILIATE.value });
const isOurs = oursFor({ deployment, pods: PODS, existing });

const made = (choices: Partial<Choices> = {}) => {
  const all = { createSaAndRoleBinding: true, allowPodGet: false, ...choices };
  const { role, roleBinding } = desiredObjects(ownerOf(deployment), PODS, all);
  if (roleBinding === undefined) throw new Error("a RoleBinding was wanted");
  return { role, roleBinding };
};
const { role, roleBinding } = made();

describe("ours is", () => {
  test.each([false, true])("the Role and the RoleBinding that podlogreader makes (get on Pods: %s)", (allowPodGet) => {
    const own = made({ allowPodGet });
    expect(isOurs({ kind: "Role", object: own.role })).toBe(true);
    expect(isOurs({ kind: "RoleBinding", object: own.roleBinding })).toBe(true);
  });

  test("a Role that is behind by a Pod that came, or one that went", () => {
    const rules = rulesFor(["web-a", "web-gone"], { allowPodGet: false });
    expect(isOurs({ kind: "Role", object: { ...role, rules } })).toBe(true);
  });
});

describe("ours is not", () => {
  const { metadata = {} } = role;
  const withRule = (rule: PolicyRule): RbacObject => ({
    kind: "Role",
    object: { ...role, rules: [...(role.rules ?? []), rule] },
  });
  const withSubject = (subject: Subject): RbacObject => ({
    kind: "RoleBinding",
    object: { ...roleBinding, subjects: [...(roleBinding.subjects ?? []), subject] },
  });
  const roleAs = (more: typeof metadata): RbacObject => ({
    kind: "Role",
    object: { ...role, metadata: { ...metadata, ...more } },
  });
  const get = { apiGroups: [""], verbs: ["get"] };

  test.each<readonly [string, RbacObject]>([
    [
      "a ClusterRoleBinding with our marks",
      { kind: "ClusterRoleBinding", object: { ...roleBinding, kind: "ClusterRoleBinding" } },
    ],
    ["a ClusterRole with our marks", { kind: "ClusterRole", object: { ...role, kind: "ClusterRole" } }],
    ["a Role of another namespace", roleAs({ namespace: "blog" })],
    ["a Role of another name", roleAs({ name: "podlogreader-db" })],
    ["a Role with another UID", roleAs({ annotations: { "podconfig.example.com/owner-uid": "uid-2" } })],
    ["a Role without the label", roleAs({ labels: {} })],
    ["a Role that lets read another's Pod", withRule({ ...get, resources: ["pods/log"], resourceNames: ["db-0"] })],
    ["a Role that lets read every log", withRule({ ...get, resources: ["pods/log"] })],
    ["a Role that lets do something else", withRule({ ...get, resources: ["secrets"] })],
    ["a RoleBinding for somebody else too", withSubject({ kind: "User", name: "paul" })],
    [
      "a RoleBinding to another role",
      { kind: "RoleBinding", object: { ...roleBinding, roleRef: { ...roleBinding.roleRef, kind: "ClusterRole" } } },
    ],
  ])("%s", (_, object) => {
    expect(isOurs(object)).toBe(false);
  });

  test("anything of a Deployment without the label: podlogreader takes that away", () => {
    const isOursWithout = oursFor({ deployment: deploymentWith({}), pods: PODS, existing });
    expect(isOursWithout({ kind: "Role", object: role })).toBe(false);
  });
});
