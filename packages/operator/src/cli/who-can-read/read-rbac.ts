import {
  type Client,
  describe,
  ForbiddenError,
  type KubernetesObject,
  type Resource,
  type Stored,
} from "@pcmc/controller-runtime";
import type { RbacObjects } from "../../access/bindings.ts";

import { compareTexts } from "../../access/subject.ts";
import { ClusterRoleBindings, ClusterRoles, RoleBindings, Roles } from "../../rbac/resources.ts";
import { CALL } from "../deployment/session.ts";
import { InputError } from "../io.ts";

/** A kind of object that may not be listed. */
export interface Unseen {
  /** Its plural. */
  readonly resource: string;
  /** Absent for the whole cluster. */
  readonly namespace?: string;
  /** One line: who may not list what. */
  readonly message: string;
}

/** The RBAC objects of a namespace, as far as they may be listed. */
export interface ReadRbac {
  readonly objects: RbacObjects;
  readonly unseen: readonly Unseen[];
}

/** @throws InputError where no kind of binding may be listed: nothing could be said then; what the client throws else. */
export const readRbac = async (client: Client, namespace: string): Promise<ReadRbac> => {
  const unseen: Unseen[] = [];
  const list = async <T extends KubernetesObject>(resource: Resource<T>): Promise<readonly Stored<T>[] | undefined> => {
    const where = resource.namespaced ? { namespace } : {};
    try {
      return (await client.list(resource, { ...CALL, ...where })).items;
    } catch (error) {
      if (!(error instanceof ForbiddenError)) throw error;
      unseen.push({ resource: resource.plural, ...where, message: describe(error) });
      return undefined;
    }
  };
  const [roles, roleBindings, clusterRoles, clusterRoleBindings] = await Promise.all([
    list(Roles),
    list(RoleBindings),
    list(ClusterRoles),
    list(ClusterRoleBindings),
  ]);
  const sorted = unseen.toSorted((a, b) => compareTexts(a.resource, b.resource));
  if (roleBindings === undefined && clusterRoleBindings === undefined) {
    throw new InputError(sorted.map(({ message }) => message));
  }
  return { objects: { roles, roleBindings, clusterRoles, clusterRoleBindings }, unseen: sorted };
};
