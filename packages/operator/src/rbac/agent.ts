import { podConfigMapConfigResource } from "../api/podconfigmapconfig.ts";
import type { Permission } from "../controllers/permission.ts";

const { group, plural } = podConfigMapConfigResource;

/** What the agent of a node needs, in all namespaces. A ValidatingAdmissionPolicy narrows the writes further. */
export const agentPermissions: readonly Permission[] = [
  {
    why: "The Pods of its node. RBAC cannot say which node, so the token can read all Pods; the agent asks for its own.",
    group: "",
    resources: ["pods"],
    verbs: ["list", "watch"],
  },
  {
    why: "The condition podconfig.example.com/EbpfReady, and nothing else: see the ValidatingAdmissionPolicy.",
    group: "",
    resources: ["pods/status"],
    verbs: ["patch"],
  },
  { why: "What users ask for.", group, resources: [plural], verbs: ["list", "watch"] },
];
