import type { Permission } from "../controllers/permission.ts";
import { settingsTable } from "../settings/table.ts";
import { NAME } from "./names.ts";

/** Whether authors have the rights that what they write takes. */
export const authorChecks: Permission = {
  why: "Whether authors have the rights that what they write takes. Not needed with AUTHOR_CHECKS=false.",
  group: "authorization.k8s.io",
  resources: ["subjectaccessreviews"],
  verbs: ["create"],
};

/** What the validating webhooks need of the whole cluster. */
export const webhookPermissions: readonly Permission[] = [
  {
    why: "The manager writes caBundle of that one object, so that the API server trusts its certificate.",
    group: "admissionregistration.k8s.io",
    resources: ["validatingwebhookconfigurations"],
    verbs: ["list", "watch", "patch"],
    names: [NAME],
  },
  authorChecks,
];

const secrets = { group: "", resources: ["secrets"] };

/** What the webhooks need in the namespace of the manager. */
export const certificatePermissions: readonly Permission[] = [
  { why: "The name of what does not exist yet cannot be asked about.", ...secrets, verbs: ["create"] },
  {
    why: "The webhooks' certificates; no other Secret is read. Another WEBHOOK_SECRET_NAME has to be named here too.",
    ...secrets,
    verbs: ["get", "list", "watch", "update"],
    names: [settingsTable.webhookSecretName.default],
  },
];
