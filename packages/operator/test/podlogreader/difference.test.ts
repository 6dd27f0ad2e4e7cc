/*
 * From what is there to what should be. Invariants:
 * - What does not bear both our marks, nor one of them and an ownerReference to the Deployment, is never written, never deleted; the
 *   one exception is the adoption of a Role that is exactly ours to the letter.
 * - Carrying the action out leaves nothing to do.
 * - A Deployment that is being deleted gets nothing new, and what it has loses names still.
 */
import type { KubernetesObject, Stored } from "@pcmc/controller-runtime";
import fc from "fast-check";
import type { PolicyRule, Role } from "kubernetes-types/rbac/v1.d.ts";
import { expect, test } from "vitest";
import {
  type Action,
  adoption,
  type Content,
  difference,
  roleBindingContent,
  roleContent,
  serviceAccountContent,
} from "../../src/podlogreader/difference.ts";
import { MANAGED_BY, OWNER_UID } from "../../src/podlogreader/names.ts";
import { desiredObjects, roleBindingOf } from "../../src/podlogreader/role.ts";
import { NO_CHOICES, owner, stored } from "./fixtures.ts";

const wantedFor = (pods: readonly string[], of = owner) => {
  const { role, serviceAccount, roleBinding } = desiredObjects(of, pods, {
    ...NO_CHOICES,
    createSaAndRoleBinding: true,
  });
  if (serviceAccount === undefined || roleBinding === undefined) throw new Error("they are chosen");
  return { role, serviceAccount, roleBinding };
};
const wanted = wantedFor(["web-0"]);
const former = wantedFor(["web-0"], { ...owner, uid: "uid-of-former" });

interface Situation<T extends KubernetesObject> {
  readonly wanted?: T;
  readonly existing?: Stored<T>;
  readonly isEnding?: boolean;
  readonly isAnothers?: boolean;
}

const actionOn =
  <T extends KubernetesObject>(content: Content<T>) =>
  ({ wanted: object, existing, isEnding = false, isAnothers = false }: Situation<T>): Action<T> | undefined =>
    difference({ content, owner, isEnding, wanted: object, existing, isAnothers: () => isAnothers });

const onRole = actionOn(roleContent);
const onAccount = actionOn(serviceAccountContent);
const onBinding = actionOn(roleBindingContent);
const { role } = wanted;

const without = (object: Role, part: "labels" | "annotations" | "ownerReferences"): Role => {
  const { [part]: _, ...metadata } = object.metadata ?? {};
  return { ...object, metadata };
};

test("what is as it should be is left alone", () => {
  expect(onRole({ wanted: role, existing: stored(role) })).toBeUndefined();
  expect(onAccount({ wanted: wanted.serviceAccount, existing: stored(wanted.serviceAccount) })).toBeUndefined();
  expect(onBinding({ wanted: wanted.roleBinding, existing: stored(wanted.roleBinding) })).toBeUndefined();
  expect(onRole({})).toBeUndefined();
});

test("what is missing is created, but not for a Deployment that is being deleted", () => {
  expect(onRole({ wanted: role })).toEqual({ type: "create", object: role });
  expect(onRole({ wanted: role, isEnding: true })).toBeUndefined();
});

test("a Role edited by hand is put right; labels, annotations and owners of others stay", () => {
  const other = { apiVersion: "v1", kind: "ConfigMap", name: "x", uid: "uid-of-x" };
  const existing = stored({
    ...role,
    metadata: {
      ...role.metadata,
      labels: { ...role.metadata?.labels, team: "checkout" },
      annotations: { ...role.metadata?.annotations, note: "hands off" },
      ownerReferences: [other],
    },
    rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }],
  });
  const action = onRole({ wanted: role, existing });
  if (action?.type !== "update") throw new Error(`it is ${action?.type}`);
  const { metadata, rules } = action.object;
  expect(rules).toEqual(role.rules);
  expect(metadata.labels).toEqual({ ...role.metadata?.labels, team: "checkout" });
  expect(metadata.annotations).toEqual({ ...role.metadata?.annotations, note: "hands off" });
  expect(metadata.ownerReferences).toEqual([other, ...(role.metadata?.ownerReferences ?? [])]);
  expect([metadata.uid, metadata.resourceVersion]).toEqual([existing.metadata.uid, "1"]);
});

test("an ownerReference that was taken off is put back, unless the Deployment is being deleted", () => {
  const existing = stored(without(role, "ownerReferences"));
  expect(onRole({ wanted: role, existing })?.type).toBe("update");
  expect(onRole({ wanted: role, existing, isEnding: true })).toBeUndefined();
});

test("names still go from the Role of a Deployment that is being deleted, and nothing else of it changes", () => {
  const existing = stored(without(wantedFor(["web-0", "web-1"]).role, "ownerReferences"));
  const action = onRole({ wanted: role, existing, isEnding: true });
  expect(action).toEqual({ type: "update", object: { ...existing, rules: role.rules } });
});

test("what lacks one of the marks, and an ownerReference, is foreign", () => {
  for (const part of ["labels", "annotations"] as const) {
    const existing = stored(without(without(role, part), "ownerReferences"));
    expect(onRole({ wanted: role, existing })).toEqual({ type: "foreign", object: existing });
    expect(onRole({ existing })).toBeUndefined();
  }
});

test("what lacks one of the marks, and has the other one and an ownerReference to the Deployment, gets it back", () => {
  for (const part of ["labels", "annotations"] as const) {
    const existing = stored(without(role, part));
    expect(onRole({ wanted: role, existing })).toMatchObject({ type: "update", object: { metadata: role.metadata } });
    expect(onRole({ existing })?.type).toBe("delete");
  }
});

test("what is wanted no more is deleted, in exactly the state that was judged", () => {
  const existing = stored(role, "7");
  expect(onRole({ existing })).toEqual({ type: "delete", former: existing });
});

test("what was made for an earlier Deployment of the name is made anew: a token of the old one must not open the new", () => {
  const existing = stored(former.serviceAccount);
  expect(onAccount({ wanted: wanted.serviceAccount, existing })).toEqual({
    type: "recreate",
    former: existing,
    object: wanted.serviceAccount,
  });
  expect(onAccount({ wanted: wanted.serviceAccount, existing, isEnding: true })).toBeUndefined();
});

test("what another Deployment has a right to is foreign", () => {
  const existing = stored(former.role);
  expect(onRole({ wanted: role, existing, isAnothers: true })?.type).toBe("foreign");
  expect(onRole({ existing, isAnothers: true })).toBeUndefined();
});

test("a RoleBinding of another role is made anew, since it cannot be changed; other subjects are put right", () => {
  const { roleBinding } = wanted;
  const otherRole = stored({ ...roleBinding, roleRef: { ...roleBinding.roleRef, kind: "ClusterRole", name: "admin" } });
  expect(onBinding({ wanted: roleBinding, existing: otherRole })).toMatchObject({
    type: "recreate",
    object: roleBinding,
  });
  expect(onBinding({ wanted: roleBinding, existing: otherRole, isEnding: true })?.type).toBe("delete");
  const eve = { kind: "User", name: "eve", apiGroup: "rbac.authorization.k8s.io" };
  const shared = stored({ ...roleBinding, subjects: [...(roleBinding.subjects ?? []), eve] });
  expect(onBinding({ wanted: roleBinding, existing: shared })).toMatchObject({
    type: "update",
    object: { subjects: roleBinding.subjects },
  });
});

test("of a ServiceAccount everything but the marks is left to others", () => {
  const existing = stored({
    ...wanted.serviceAccount,
    automountServiceAccountToken: false,
    imagePullSecrets: [{ name: "hub" }],
  });
  expect(onAccount({ wanted: wanted.serviceAccount, existing })).toBeUndefined();
  const { ownerReferences: _, ...metadata } = existing.metadata;
  const action = onAccount({ wanted: wanted.serviceAccount, existing: { ...existing, metadata } });
  expect(action).toMatchObject({
    type: "update",
    object: { automountServiceAccountToken: false, imagePullSecrets: [{ name: "hub" }] },
  });
});

test("what is being deleted is waited for", () => {
  const existing = stored({ ...role, metadata: { ...role.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } });
  expect(onRole({ wanted: role, existing })?.type).toBe("wait");
  expect(onRole({ existing })?.type).toBe("wait");
});

const unmarked = stored(without(without(role, "labels"), "annotations"));
const input = { wanted: role, owner, binding: undefined, ownBinding: roleBindingOf(owner) };

test("a Role of an older podlogreader is adopted where it is exactly what we would write, and marked", () => {
  const action = adoption(unmarked, input);
  expect(action).toMatchObject({
    type: "update",
    object: { rules: role.rules, metadata: { labels: role.metadata?.labels, annotations: role.metadata?.annotations } },
  });
  expect(adoption(unmarked, { ...input, binding: { ...roleBindingOf(owner), metadata: {} } })?.type).toBe("update");
});

test("a Role that names another Pod, one more or one less is not adopted", () => {
  for (const pods of [[], ["web-1"], ["web-0", "web-1"]]) {
    expect(adoption({ ...unmarked, rules: wantedFor(pods).role.rules ?? [] }, input)).toBeUndefined();
  }
});

test("a Role that is bound to anybody else under its name is not adopted", () => {
  const eve = { kind: "User", name: "eve", apiGroup: "rbac.authorization.k8s.io" };
  const binding = roleBindingOf(owner);
  expect(adoption(unmarked, { ...input, binding: { ...binding, subjects: [eve] } })).toBeUndefined();
  expect(
    adoption(unmarked, { ...input, binding: { ...binding, roleRef: { ...binding.roleRef, name: "x" } } }),
  ).toBeUndefined();
});

test("a Role with both marks, or one that is being deleted, is not a matter of adoption", () => {
  expect(adoption(stored(former.role), input)).toBeUndefined();
  const ending = { ...unmarked, metadata: { ...unmarked.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } };
  expect(adoption(ending, input)).toBeUndefined();
});

test("whatever is there, carrying the action out leaves nothing to do, and what is not marked as it was", () => {
  const labels = fc.constantFrom(
    undefined,
    {},
    { [MANAGED_BY.label]: MANAGED_BY.value },
    { [MANAGED_BY.label]: "Helm" },
  );
  const annotations = fc.constantFrom(undefined, {}, { [OWNER_UID]: owner.uid }, { [OWNER_UID]: "uid-of-former" });
  const rules = fc.constantFrom<PolicyRule[]>(
    role.rules ?? [],
    [],
    [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }],
  );
  const existing = fc.option(
    fc.record({ labels, annotations, rules }).map(({ rules: found, ...marks }) =>
      stored<Role>({
        kind: "Role",
        metadata: {
          name: "podlogreader-web",
          namespace: "shop",
          ...(marks.labels && { labels: marks.labels }),
          ...(marks.annotations && { annotations: marks.annotations }),
        },
        rules: found,
      }),
    ),
    { nil: undefined },
  );
  fc.assert(
    fc.property(existing, fc.boolean(), (found, isWanted) => {
      const goal = isWanted ? { wanted: role } : {};
      const action = onRole({ ...goal, ...(found && { existing: found }) });
      const hasMarks =
        found?.metadata.labels?.[MANAGED_BY.label] === MANAGED_BY.value &&
        found.metadata.annotations?.[OWNER_UID] !== undefined;
      if (found !== undefined && !hasMarks) expect(action?.type).toBe(isWanted ? "foreign" : undefined);
      else {
        const after = applied(action, found);
        expect(onRole({ ...goal, ...(after && { existing: after }) })).toBeUndefined();
      }
    }),
  );
});

/** What is there once the action is carried out. */
const applied = (action: Action<Role> | undefined, found: Stored<Role> | undefined): Stored<Role> | undefined => {
  switch (action?.type) {
    case "create":
    case "recreate":
      return stored(action.object, "2");
    case "update":
      return action.object;
    case "delete":
      return undefined;
    default:
      return found;
  }
};
