import { injectionPermissions } from "../admission/injection/permissions.ts";
import type { Group } from "../controllers/names.ts";
import type { Permission } from "../controllers/permission.ts";
import { podConfigMapPermissions } from "../podconfigmap/rbac.ts";
import { podLogReaderPermissions } from "../podlogreader/rbac.ts";
import { watcherPermissions } from "../watcher/rbac.ts";
import { managerPermissions } from "./manager.ts";

/** Settings with which podlogreader needs more than without. */
export const CHOICES = ["createSaAndRolebinding", "allowPodGet"] as const;
export type Choice = (typeof CHOICES)[number];

const podLogReader = (chosen?: Choice): readonly Permission[] =>
  podLogReaderPermissions({
    createSaAndRoleBinding: chosen === "createSaAndRolebinding",
    allowPodGet: chosen === "allowPodGet",
  });

/** One verb on one resource, in words: `get pods/log`, `create roles.rbac.authorization.k8s.io`. */
export const spelledOut = ({ group, resources, verbs }: Permission): string[] =>
  resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}${group === "" ? "" : `.${group}`}`));

/** Those that give anything that `others` do not. */
const without = (permissions: readonly Permission[], others: readonly Permission[]): readonly Permission[] => {
  const given = new Set(others.flatMap(spelledOut));
  return permissions.filter((permission) => spelledOut(permission).some((rule) => !given.has(rule)));
};

const groupOwn = (permissions: readonly Permission[]) => without(permissions, managerPermissions);

/** What each group of controllers needs beyond `managerPermissions`, in every namespace it works in; with the default settings. */
export const groupPermissions: Readonly<Record<Group, readonly Permission[]>> = {
  podconfigmap: groupOwn(podConfigMapPermissions),
  watcher: groupOwn([...watcherPermissions, ...injectionPermissions]),
  podlogreader: groupOwn(podLogReader()),
};

/** What podlogreader needs beyond that with one of its settings. */
export const permissionsFor = (choice: Choice): readonly Permission[] => without(podLogReader(choice), podLogReader());
