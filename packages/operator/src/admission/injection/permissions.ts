import type { Permission } from "../../controllers/permission.ts";
import { NAME } from "../../rbac/names.ts";

/** What the injecting webhook needs of the whole cluster, beside the Watchers and namespaces, which its controller reads too. */
export const injectionPermissions: readonly Permission[] = [
  {
    why: "The manager writes caBundle of the webhook that injects Watchers.",
    group: "admissionregistration.k8s.io",
    resources: ["mutatingwebhookconfigurations"],
    verbs: ["list", "watch", "patch"],
    names: [NAME],
  },
];
