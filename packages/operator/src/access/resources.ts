import { defineResource } from "@pcmc/controller-runtime";
import type { ClusterRole, ClusterRoleBinding } from "kubernetes-types/rbac/v1.d.ts";

const RBAC = "rbac.authorization.k8s.io/v1";

export const ClusterRoles = defineResource<ClusterRole>({
  apiVersion: RBAC,
  kind: "ClusterRole",
  plural: "clusterroles",
  namespaced: false,
});

export const ClusterRoleBindings = defineResource<ClusterRoleBinding>({
  apiVersion: RBAC,
  kind: "ClusterRoleBinding",
  plural: "clusterrolebindings",
  namespaced: false,
});
