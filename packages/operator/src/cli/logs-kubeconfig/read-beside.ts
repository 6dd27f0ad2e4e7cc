import { describe, type KubernetesObject, type Resource, type Stored } from "@pcmc/controller-runtime";
import { furtherBindings } from "../../access/further-bindings.ts";

import { compareTexts } from "../../access/subject.ts";
import { ClusterRoleBindings, RoleBindings } from "../../rbac/resources.ts";
import { CALL, type Session } from "../deployment/session.ts";

/** The bindings for a ServiceAccount beside its own, for people, by where they count. */
export interface Beside {
  /** RoleBindings of its namespace. */
  readonly here: readonly string[];
  readonly ofCluster: readonly string[];
  /** RoleBindings of other namespaces. */
  readonly elsewhere: readonly string[];
  /** What could not be listed, a line each. */
  readonly missed: readonly string[];
}

/** Lists the bindings of all namespaces and of the cluster, as far as that can be done: one list does not wait for the other. */
export const readBeside = async ({ client, namespace }: Session, account: string): Promise<Beside> => {
  const missed: string[] = [];
  const list = async <T extends KubernetesObject>(resource: Resource<T>): Promise<readonly Stored<T>[]> => {
    try {
      return (await client.list(resource, CALL)).items;
    } catch (error) {
      missed.push(`could not list ${resource.plural}, by which the token may allow more: ${describe(error)}`);
      return [];
    }
  };
  const [roleBindings, clusterRoleBindings] = await Promise.all([list(RoleBindings), list(ClusterRoleBindings)]);
  const found = furtherBindings({
    subject: { kind: "ServiceAccount", namespace, name: account },
    role: account,
    roleBindings,
    clusterRoleBindings,
  });
  const textsOf = (isMeant: (where: string) => boolean): readonly string[] =>
    found.filter((binding) => isMeant(binding.namespace)).map(({ text }) => text);
  return {
    here: textsOf((where) => where === namespace),
    ofCluster: textsOf((where) => where === ""),
    elsewhere: textsOf((where) => where !== "" && where !== namespace),
    missed: missed.toSorted(compareTexts),
  };
};
