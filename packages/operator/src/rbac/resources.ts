import { defineResource } from "@pcmc/controller-runtime";
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "kubernetes-types/rbac/v1.d.ts";

const apiVersion = "rbac.authorization.k8s.io/v1";

export const Roles = defineResource<Role>({ apiVersion, kind: "Role", plural: "roles", namespaced: true });

export const RoleBindings = defineResource<RoleBinding>({
  apiVersion,
  kind: "RoleBinding",
  plural: "rolebindings",
  namespaced: true,
});

export const ClusterRoles = defineResource<ClusterRole>({
  apiVersion,
  kind: "ClusterRole",
  plural: "clusterroles",
  namespaced: false,
});

export const ClusterRoleBindings = defineResource<ClusterRoleBinding>({
  apiVersion,
  kind: "ClusterRoleBinding",
  plural: "clusterrolebindings",
  namespaced: false,
});
