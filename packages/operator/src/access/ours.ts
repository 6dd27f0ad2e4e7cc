import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { Role, RoleBinding } from "kubernetes-types/rbac/v1.d.ts";
import { markedUidOf, nameFor } from "../podlogreader/names.ts";
import { isAffiliated, ownerOf, roleBindingOf } from "../podlogreader/role.ts";
import { grantsTooMuch, sameBinding } from "../podlogreader/rules.ts";
import type { IsOurs } from "./bindings.ts";

/** A Deployment, and the Pods around it. */
export interface OursOptions {
  readonly deployment: Deployment;
  /** Names of its current Pods. */
  readonly pods: readonly string[];
  /** Names of all Pods of its namespace. */
  readonly existing: ReadonlySet<string>;
}

/**
 * Tells what podlogreader keeps for a Deployment: the Role and the RoleBinding of its name that bear its UID and grant nothing
 * which podlogreader would take away. Marks alone prove nothing: whoever may write an object can set them.
 */
export const oursFor = ({ deployment, pods, existing }: OursOptions): IsOurs => {
  const owner = ownerOf(deployment);
  const wanted = roleBindingOf(owner);
  // Which of both podlogreader was told to write is not known here.
  const tolerated = { pods: new Set(pods), exists: (pod: string) => existing.has(pod), allowPodGet: true };
  const isNamed = ({ metadata = {} }: Role | RoleBinding): boolean =>
    metadata.namespace === owner.namespace &&
    metadata.name === nameFor(owner.name) &&
    markedUidOf(metadata) === owner.uid;
  return (candidate) => {
    if (!isAffiliated(deployment)) return false;
    if (candidate.kind === "RoleBinding") return isNamed(candidate.object) && sameBinding(candidate.object, wanted);
    if (candidate.kind === "Role") {
      return isNamed(candidate.object) && !grantsTooMuch(candidate.object.rules ?? [], tolerated);
    }
    return false;
  };
};
