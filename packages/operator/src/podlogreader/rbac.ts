import type { Permission } from "../controllers/permission.ts";
import type { Choices } from "./role.ts";

const RBAC = "rbac.authorization.k8s.io";

/**
 * What the controller needs besides what every manager does (`managerPermissions`). No `escalate` and no `bind`: what it grants it
 * holds, and the API server sees to it that it can grant nothing else.
 */
export const podLogReaderPermissions = (choices: Choices): readonly Permission[] => [
  ...watched,
  ...written(choices),
  ...granted(choices),
];

const watched: readonly Permission[] = [
  {
    why: "Which Deployments are labelled; one is read once more before what was made for it is removed.",
    group: "apps",
    resources: ["deployments"],
    verbs: ["get", "list", "watch"],
  },
  {
    why: "Which Pods are a Deployment's: by UID through its ReplicaSets.",
    group: "apps",
    resources: ["replicasets"],
    verbs: ["list", "watch"],
  },
  {
    why: "Which Pods there are. `list` is also granted: logs by label need it, and RBAC cannot limit it by name.",
    group: "",
    resources: ["pods"],
    verbs: ["list", "watch"],
  },
];

const written = ({ createSaAndRoleBinding }: Choices): readonly Permission[] => [
  {
    why: "The Role of each labelled Deployment. `get` reads what has its name and not our label. RBAC cannot limit this to Roles of ours: that is up to the controller.",
    group: RBAC,
    resources: ["roles"],
    verbs: ["get", "list", "watch", "create", "update", "delete"],
  },
  {
    why: "Which RoleBindings of ours there are. A Role of others is adopted only where the RoleBinding of its name, which `get` reads, is as we would write it or not there.",
    group: RBAC,
    resources: ["rolebindings"],
    verbs: ["get", "list", "watch"],
  },
  {
    why: "Which ServiceAccounts of ours there are.",
    group: "",
    resources: ["serviceaccounts"],
    verbs: ["list", "watch"],
  },
  ...(createSaAndRoleBinding ? createdOnDemand : []),
];

const createdOnDemand: readonly Permission[] = [
  {
    why: "CREATE_SA_AND_ROLEBINDING; `delete` also where it has been switched off, until what it made is gone.",
    group: RBAC,
    resources: ["rolebindings"],
    verbs: ["create", "update", "delete"],
  },
  {
    why: "The same. `get` reads what has the name and not our label.",
    group: "",
    resources: ["serviceaccounts"],
    verbs: ["get", "create", "update", "delete"],
  },
];

const granted = ({ allowPodGet }: Choices): readonly Permission[] => [
  {
    why: "Granted to readers by Roles, for the Pods of one Deployment; the operator itself reads no log.",
    group: "",
    resources: ["pods/log"],
    verbs: ["get", "list", "watch"],
    heldToGrant: true,
  },
  ...(allowPodGet
    ? [
        {
          why: "ALLOW_POD_GET: granted to readers by Roles, for the Pods of one Deployment.",
          group: "",
          resources: ["pods"],
          verbs: ["get"],
          heldToGrant: true,
        } as const,
      ]
    : []),
];
