import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import type { Permission } from "../controllers/permission.ts";

/** A permission as a rule of a Role. */
export const policyRuleOf = ({ group, resources, verbs, names }: Permission): PolicyRule => ({
  apiGroups: [group],
  resources: [...resources],
  ...(names !== undefined && { resourceNames: [...names] }),
  verbs: [...verbs],
});
