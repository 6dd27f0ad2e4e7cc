import { podConfigMapConfigResource } from "../api/podconfigmapconfig.ts";
import type { Permission } from "../controllers/permission.ts";

const { group, plural } = podConfigMapConfigResource;

/** What the controllers of PodConfigMapConfigs need, in every namespace they work in. */
export const podConfigMapPermissions: readonly Permission[] = [
  { why: "What is copied into ConfigMaps.", group: "", resources: ["pods"], verbs: ["list", "watch"] },
  {
    why: "What is generated. Reads are limited to our label by the manager; RBAC cannot say that.",
    group: "",
    resources: ["configmaps"],
    verbs: ["get", "list", "watch", "create", "update", "delete"],
  },
  { why: "What users ask for: read, never written.", group, resources: [plural], verbs: ["get", "list", "watch"] },
  { why: "What became of it.", group, resources: [`${plural}/status`], verbs: ["update"] },
];
