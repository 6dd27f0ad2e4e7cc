import { rulesOf, type Shop } from "./shop.ts";

/** What is made for the Deployment `web`. */
export const ROLE = "podlogreader-web";
export const RBAC = "rbac.authorization.k8s.io";
export const WITH_ACCOUNT = { createSaAndRoleBinding: true };
/** Kinds of what is made for a Deployment. */
export const KINDS = ["rolebindings", "roles", "serviceaccounts"] as const;

/** Where no controller runs: a steady Deployment, `web` unless `name` says otherwise, with Pods of these names. */
export const deployed = async (shop: Shop, pods: readonly string[], name = "web") => {
  const deployment = await shop.deploy(name, { replicas: pods.length });
  const set = await shop.createReplicaSet(deployment);
  for (const pod of pods) await shop.createPod(set, pod);
  await shop.settle(name);
  return { deployment, set };
};

/** A Role as somebody else has it. */
export const foreignRole = (pods: readonly string[]) => ({
  metadata: { name: ROLE },
  rules: rulesOf(pods),
});

/** A RoleBinding as somebody else has it; of our Role unless `roleRef` says otherwise. */
export const bindingTo = (subjects: readonly object[], roleRef: object = {}) => ({
  metadata: { name: ROLE },
  roleRef: { apiGroup: RBAC, kind: "Role", name: ROLE, ...roleRef },
  subjects: subjects as { kind: string; name: string }[],
});

/** The ServiceAccount of `web`, as a subject. */
export const accountOf = ({ name }: Shop) => ({ kind: "ServiceAccount", name: ROLE, namespace: name });
export const EVE = { kind: "User", name: "eve", apiGroup: RBAC };
