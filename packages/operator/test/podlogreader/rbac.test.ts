/*
 * What the controller asks for itself. Invariants:
 * - It holds each rule that it grants, and is held to say which ones it holds for that alone.
 * - Nothing is asked for that would let it grant more than it holds.
 */
import { expect, test } from "vitest";
import type { Permission } from "../../src/controllers/permission.ts";
import { podLogReaderPermissions } from "../../src/podlogreader/rbac.ts";
import { rulesFor } from "../../src/podlogreader/role.ts";
import { NO_CHOICES } from "./fixtures.ts";

const CHOICES = [false, true].flatMap((allowPodGet) =>
  [false, true].map((createSaAndRoleBinding) => ({ allowPodGet, createSaAndRoleBinding })),
);

/** `group/resource:verb` of each permission. */
const atomsOf = (permissions: readonly Permission[]): string[] =>
  permissions.flatMap(({ group, resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => `${group}/${resource}:${verb}`)),
  );

test("every rule of a Role is held, for all Pods", () => {
  for (const choices of CHOICES) {
    const held = atomsOf(podLogReaderPermissions(choices).filter(({ names }) => names === undefined));
    const granted = rulesFor(["web-0"], choices).flatMap(({ apiGroups = [], resources = [], verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${apiGroups[0]}/${resource}:${verb}`)),
    );
    for (const atom of granted) expect(held).toContain(atom);
  }
});

test("reading logs, and getting Pods, is held in order to grant it and for nothing else", () => {
  const onlyToGrant = podLogReaderPermissions({ ...NO_CHOICES, allowPodGet: true }).filter(
    ({ heldToGrant }) => heldToGrant,
  );
  expect(atomsOf(onlyToGrant)).toEqual(["/pods/log:get", "/pods/log:list", "/pods/log:watch", "/pods:get"]);
});

test("getting Pods is not asked for unless it is granted", () => {
  expect(atomsOf(podLogReaderPermissions(NO_CHOICES))).not.toContain("/pods:get");
});

test("ServiceAccounts and RoleBindings can be made, changed and removed only where that is chosen", () => {
  const writing = ["create", "update", "delete"].flatMap((verb) =>
    ["/serviceaccounts", "rbac.authorization.k8s.io/rolebindings"].map((resource) => `${resource}:${verb}`),
  );
  const usual = atomsOf(podLogReaderPermissions(NO_CHOICES));
  for (const atom of writing) expect(usual).not.toContain(atom);
  const chosen = atomsOf(podLogReaderPermissions({ ...NO_CHOICES, createSaAndRoleBinding: true }));
  for (const atom of writing) expect(chosen).toContain(atom);
});

test("no verb lets grant more than is held, none is a wildcard, and none is asked for twice", () => {
  for (const choices of CHOICES) {
    const atoms = atomsOf(podLogReaderPermissions(choices));
    for (const atom of atoms) expect(atom).not.toMatch(/escalate|bind$|impersonate|[*]/);
    expect(new Set(atoms).size).toBe(atoms.length);
  }
});
