import type { ResourceAttributes } from "kubernetes-types/authorization/v1.d.ts";
import type { Permission } from "../../controllers/permission.ts";
import { agentPermissions } from "../../rbac/agent.ts";
import { CHOICES, groupPermissions, permissionsFor } from "../../rbac/groups.ts";
import { leasePermissions, managerPermissions } from "../../rbac/manager.ts";
import { authorChecks, certificatePermissions, webhookPermissions } from "../../rbac/webhooks.ts";
import type { Settings } from "../../settings/settings.ts";
import { settingsTable } from "../../settings/table.ts";
import type { Operator } from "./operator.ts";

/** Rules that belong together, and what grants them. */
export interface Need {
  /** What it is for: `leader election`. */
  readonly part: string;
  /** What grants it, for people. */
  readonly grantedBy: string;
  readonly permissions: readonly Permission[];
  /** Where; `""` = in all namespaces. */
  readonly namespace: string;
}

/** Groups of the API whose objects belong to no namespace. */
const CLUSTER_SCOPED: ReadonlySet<string> = new Set(["admissionregistration.k8s.io", "authorization.k8s.io"]);

const RBAC = "manifests/rbac.yaml, or the chart with rbac.create=true";
const component = (name: string): string => `the objects of app.kubernetes.io/component=${name} in ${RBAC}`;

/** All that an operator of these settings has to be allowed. @param namespaces those to ask about; none = all. */
export const needsOf = (
  operator: Pick<Operator, "namespace">,
  settings: Settings,
  namespaces: readonly string[],
): readonly Need[] => {
  const places = placesOf(namespaces);
  const working = workingNeeds(settings).flatMap((need) => places.map((namespace) => ({ ...need, namespace })));
  return [
    ...working.map((need) => ({
      ...need,
      permissions: (need.namespace === "" ? everywhere : namespaced)(need.permissions),
    })),
    ...clusterNeeds(settings),
    ...(settings.leaderElectionEnabled ? [leaseNeed(settings)] : []),
    ...webhookNeeds(operator, settings),
  ];
};

type Working = Omit<Need, "namespace">;

/** What is needed in every namespace that is worked in. */
const workingNeeds = (settings: Settings): readonly Working[] => [
  { part: "the manager", grantedBy: component("manager"), permissions: managerPermissions },
  ...settings.controllers.map((group) => ({
    part: group,
    grantedBy: component(group),
    permissions: groupPermissions[group].filter(({ group: api }) => !CLUSTER_SCOPED.has(api)),
  })),
  ...CHOICES.filter((choice) => settings.controllers.includes("podlogreader") && settings[choice]).map((choice) => ({
    part: settingsTable[choice].env ?? choice,
    grantedBy: `manifests/podlogreader/${settingsTable[choice].flag}.yaml, or the chart with podlogreader.${choice === "allowPodGet" ? choice : "createSaAndRoleBinding"}=true`,
    permissions: permissionsFor(choice),
  })),
];

const withoutNamespaces =
  (verb: "get" | "list") =>
  (permissions: readonly Permission[]): readonly Permission[] =>
    permissions.filter(({ resources, verbs }) => !(resources.includes("namespaces") && verbs.includes(verb)));

/** With WATCH_NAMESPACES, namespaces are not listed: one is read by its name. */
const namespaced = withoutNamespaces("list");

/** Without, there is none to look for by its name, and the chart does not grant it. */
const everywhere = withoutNamespaces("get");

/** What a Role cannot give, of the controllers' own: what injection takes. */
const clusterNeeds = (settings: Settings): readonly Need[] => {
  if (!settings.webhookEnabled || settings.webhookCertDir !== undefined) return [];
  return settings.controllers.flatMap((group) => {
    const permissions = groupPermissions[group].filter(({ group: api }) => CLUSTER_SCOPED.has(api));
    if (permissions.length === 0) return [];
    return [{ part: `${group}'s webhook`, grantedBy: component(group), permissions, namespace: "" }];
  });
};

const leaseNeed = ({ leaderElectionLockNamespace: namespace, leaderElectionLockName: name }: Settings): Need => ({
  part: "leader election",
  grantedBy: component("manager"),
  permissions: leasePermissions.map((each) => (each.names === undefined ? each : { ...each, names: [name] })),
  namespace,
});

const webhookNeeds = ({ namespace }: Pick<Operator, "namespace">, settings: Settings): readonly Need[] => {
  const validates = settings.controllers.some((group) => group !== "podlogreader");
  if (!settings.webhookEnabled || !validates) return [];
  const byOthers = settings.webhookCertDir !== undefined;
  const permissions = webhookPermissions.filter((each) => (each === authorChecks ? settings.authorChecks : !byOthers));
  const certificates = certificatePermissions.map((each) =>
    each.names === undefined ? each : { ...each, names: [settings.webhookSecretName] },
  );
  const grantedBy = component("webhook");
  return [
    { part: "the webhooks", grantedBy, permissions, namespace: "" },
    ...(byOthers ? [] : [{ part: "the webhooks' certificates", grantedBy, permissions: certificates, namespace }]),
  ];
};

/** What the node agent needs. @param namespaces those to ask about; none = all. */
export const agentNeeds = (namespaces: readonly string[]): readonly Need[] =>
  placesOf(namespaces).map((namespace) => ({
    part: "the node agent",
    grantedBy: "manifests/agent.yaml, or the chart with agent.enabled=true",
    permissions: agentPermissions,
    namespace,
  }));

/** `""` = in all namespaces. */
const placesOf = (namespaces: readonly string[]): readonly string[] => (namespaces.length === 0 ? [""] : namespaces);

/** One question for each verb on each resource of a need. */
export const questionsOf = ({ permissions, namespace }: Need): readonly ResourceAttributes[] =>
  permissions.flatMap(({ group, resources, verbs, names = [undefined] }) =>
    resources.flatMap((full) =>
      verbs.flatMap((verb) => names.map((name) => attributesOf({ group, full, verb, name, namespace }))),
    ),
  );

interface Asked {
  readonly group: string;
  /** With the subresource. */
  readonly full: string;
  readonly verb: string;
  readonly name: string | undefined;
  readonly namespace: string;
}

const attributesOf = ({ group, full, verb, name, namespace }: Asked): ResourceAttributes => {
  const [resource = "", subresource] = full.split("/");
  // A namespace is judged as something in itself: that is how a Role can let somebody read it.
  const object = resource === "namespaces" && namespace !== "" ? namespace : name;
  return {
    group,
    resource,
    verb,
    ...(subresource !== undefined && { subresource }),
    ...(object !== undefined && { name: object }),
    ...(namespace !== "" && { namespace }),
  };
};

/** `update podconfigmapconfigs/status.podconfig.example.com`. */
export const ruleText = ({ group = "", resource = "", subresource, verb = "", name }: ResourceAttributes): string =>
  `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}${group === "" ? "" : `.${group}`}${name === undefined ? "" : ` ${name}`}`;
