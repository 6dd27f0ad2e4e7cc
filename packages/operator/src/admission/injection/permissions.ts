import type { Permission } from "../../controllers/permission.ts";
import { NAME } from "../../rbac/names.ts";

/** What the injecting webhook needs of the whole cluster, beside the Watchers, which its controller reads too. */
export const injectionPermissions: readonly Permission[] = [
  {
    why: "The manager writes caBundle of the webhook that injects Watchers.",
    group: "admissionregistration.k8s.io",
    resources: ["mutatingwebhookconfigurations"],
    verbs: ["list", "watch", "patch"],
    names: [NAME],
  },
  {
    why: "Which namespaces are excluded from injection, and which profile of Pod Security each enforces. With WATCH_NAMESPACES not asked.",
    group: "",
    resources: ["namespaces"],
    verbs: ["list", "watch"],
  },
];
