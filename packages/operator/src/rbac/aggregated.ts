import { podConfigMapConfigResource } from "../api/podconfigmapconfig.ts";
import { watcherResource } from "../api/watcher.ts";
import type { Permission } from "../controllers/permission.ts";
import { LABELS, NAME } from "./names.ts";
import { policyRuleOf } from "./policy-rule.ts";

/** The roles of Kubernetes' own that users get per namespace. */
export const AUDIENCES = ["view", "edit", "admin"] as const;
export type Audience = (typeof AUDIENCES)[number];

const READ = ["get", "list", "watch"];
const WRITE = ["create", "update", "patch", "delete", "deletecollection"];

const withStatus = ({ group, plural }: { readonly group: string; readonly plural: string }) => ({
  group,
  resources: [plural, `${plural}/status`],
});
const pcmcs = { group: podConfigMapConfigResource.group, resources: [podConfigMapConfigResource.plural] };
const watchers = { group: watcherResource.group, resources: [watcherResource.plural] };

/**
 * What each of Kubernetes' own roles gets. `edit` has what `view` has, and `admin` what `edit` has.
 *
 * A Watcher puts code into the Pods of others, and `ebpfConfig` decides over their traffic: whoever may deploy in a namespace
 * may not thereby do either, so both are `admin`'s alone.
 */
export const audiencePermissions: Readonly<Record<Audience, readonly Permission[]>> = {
  view: [
    {
      why: "Who may read in a namespace may read these.",
      ...withStatus(podConfigMapConfigResource),
      verbs: READ,
    },
    {
      why: "And these: what is injected into Pods can be seen in the Pods too.",
      ...withStatus(watcherResource),
      verbs: READ,
    },
  ],
  edit: [
    {
      why: "Who may write in a namespace may write these. What they make us do takes rights of its own: see docs/reference/admission.md.",
      ...pcmcs,
      verbs: WRITE,
    },
  ],
  admin: [
    {
      why: 'ebpfConfig decides over the traffic of other people\'s Pods: "enforce" is asked of whoever writes one.',
      ...pcmcs,
      verbs: ["enforce"],
    },
    { why: "A Watcher puts code into other people's Pods.", ...watchers, verbs: WRITE },
  ],
};

/** The ClusterRoles by which Kubernetes' own get that. */
export const aggregatedClusterRoles = () =>
  AUDIENCES.map((audience) => ({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: `${NAME}-${audience}`, labels: { ...LABELS, [aggregateTo(audience)]: "true" } },
    rules: audiencePermissions[audience].map(policyRuleOf),
  }));

/** The label by which Kubernetes finds what to add to a role of its own. */
export const aggregateTo = (audience: Audience): string => `rbac.authorization.k8s.io/aggregate-to-${audience}`;
