/*
 * Invariants of what users get by Kubernetes' own roles:
 * - Writing Watchers, and enforcing, takes `admin`.
 * - Nobody gets what is not ours.
 */
import { expect, test } from "vitest";
import { aggregatedClusterRoles, audiencePermissions } from "../../src/rbac/aggregated.ts";

/** Roles with a rule that allows a verb on a resource. */
const holders = (resource: string, verb: string): string[] =>
  aggregatedClusterRoles()
    .filter(({ rules }) => rules.some(({ resources, verbs }) => resources?.includes(resource) && verbs.includes(verb)))
    .map(({ metadata }) => metadata.name);

test.each([
  ["podconfigmapconfigs", "get", "view"],
  ["podconfigmapconfigs", "create", "edit"],
  ["podconfigmapconfigs", "enforce", "admin"],
  ["watchers", "get", "view"],
  ["watchers", "create", "admin"],
  ["watchers", "deletecollection", "admin"],
])("%s: %s comes with %s", (resource, verb, audience) => {
  expect(holders(resource, verb)).toEqual([`podconfigmap-controller-${audience}`]);
});

test("each role is added to the one of Kubernetes' that it is named after, and to no other", () => {
  const added = aggregatedClusterRoles().map(({ metadata: { labels } }) =>
    Object.keys(labels).filter((label) => label.startsWith("rbac.authorization.k8s.io/")),
  );
  expect(added).toEqual(
    ["view", "edit", "admin"].map((audience) => [`rbac.authorization.k8s.io/aggregate-to-${audience}`]),
  );
});

test("nobody gets by them what belongs to others, nor may anybody write a status", () => {
  const all = Object.values(audiencePermissions).flat();
  expect([...new Set(all.map(({ group }) => group))].sort()).toEqual(["podconfig.example.com", "watch.example.com"]);
  const statuses = all.filter(({ resources }) => resources.some((resource) => resource.endsWith("/status")));
  expect([...new Set(statuses.flatMap(({ verbs }) => verbs))].sort()).toEqual(["get", "list", "watch"]);
});
