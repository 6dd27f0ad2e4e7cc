import { watcherResource } from "../api/watcher.ts";
import type { Permission } from "../controllers/permission.ts";

const { group, plural } = watcherResource;

/** What the controller of Watchers needs, in every namespace it works in. */
export const watcherPermissions: readonly Permission[] = [
  {
    why: "What is injected, and what users ask for: read, never written.",
    group,
    resources: [plural],
    verbs: ["get", "list", "watch"],
  },
  { why: "What became of it.", group, resources: [`${plural}/status`], verbs: ["update"] },
  {
    why: "The managed ConfigMap has its Watcher as controller and holds up its deletion: where the admission plugin OwnerReferencesPermissionEnforcement is on, that takes this.",
    group,
    resources: [`${plural}/finalizers`],
    verbs: ["update"],
  },
  {
    why: "Which Pods have a sidecar, and which ask for one and have none.",
    group: "",
    resources: ["pods"],
    verbs: ["list", "watch"],
  },
  {
    why: "Which namespaces are excluded from injection; for the webhook also which profile of Pod Security each enforces. With WATCH_NAMESPACES not asked.",
    group: "",
    resources: ["namespaces"],
    verbs: ["list", "watch"],
  },
  {
    why: "The managed ConfigMaps. Lists are limited to our label by the manager; RBAC cannot say that.",
    group: "",
    resources: ["configmaps"],
    verbs: ["get", "list", "watch", "create", "update", "delete"],
  },
  {
    why: "Whose Pods are, for rollout: OnChange.",
    group: "apps",
    resources: ["replicasets"],
    verbs: ["get"],
  },
  {
    why: "Workloads are restarted as kubectl does it, for rollout: OnChange. Without this rule and the one above, everything else works.",
    group: "apps",
    resources: ["deployments", "statefulsets", "daemonsets"],
    verbs: ["get", "patch"],
  },
];
