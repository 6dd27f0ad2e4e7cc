import { GROUPS } from "../packages/operator/src/controllers/names.ts";
import {
  agentSettingsSchema,
  NAME_SCHEMA,
  NAMESPACE_SCHEMA,
  type Schema,
  settingsSchema,
} from "./chart-schema-settings.ts";

/*
 * values.schema.json. What Kubernetes checks by itself, such as a toleration, is left to it; what is the chart's own is closed, so
 * that a misspelt name is refused instead of having no effect.
 */

const STRING: Schema = { type: "string" };
const BOOLEAN: Schema = { type: "boolean" };
const MAP: Schema = { type: "object" };
const STRINGS: Schema = { type: "object", additionalProperties: STRING };
const OBJECTS: Schema = { type: "array", items: MAP };
const DURATION: Schema = { type: "string", pattern: "^$|^([0-9]+(ms|s|m|h))+$" };
const LABELS: Schema = {
  type: "object",
  propertyNames: { pattern: "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$" },
  additionalProperties: { type: "string", maxLength: 63, pattern: "^([A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?)?$" },
};
const PULL_POLICY: Schema = { enum: ["Always", "IfNotPresent", "Never", ""] };
const PORT: Schema = { type: "integer", minimum: 1, maximum: 65_535 };
/** Zero Pods cannot be, nor less than nothing. */
const SHARE: Schema = {
  anyOf: [
    { type: "integer", minimum: 0 },
    { type: "string", pattern: "^([0-9]{1,2}|100)%$" },
  ],
};
/** At least one of something. */
const SHARE_OF_SOME: Schema = {
  anyOf: [
    { type: "integer", minimum: 1 },
    { type: "string", pattern: "^([1-9][0-9]?|100)%$" },
  ],
};
const SHARE_OR_EMPTY: Schema = { anyOf: [SHARE, { const: "" }] };

const closed = (properties: Readonly<Record<string, Schema>>): Schema => ({
  type: "object",
  additionalProperties: false,
  properties,
});

const image = closed({
  registry: { type: "string", pattern: "^[^/\\s]*(/[^\\s]*)?$" },
  repository: { type: "string", pattern: "^[a-z0-9]([-a-z0-9._/]*[a-z0-9])?$" },
  tag: { type: "string", pattern: "^([A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?$" },
  digest: { type: "string", pattern: "^(sha256:[0-9a-f]{64})?$" },
  pullPolicy: PULL_POLICY,
});

const toggled = (more: Readonly<Record<string, Schema>>): Schema => closed({ enabled: BOOLEAN, ...more });

const monitor = toggled({
  labels: LABELS,
  annotations: STRINGS,
  interval: DURATION,
  scrapeTimeout: DURATION,
  relabelings: OBJECTS,
  metricRelabelings: OBJECTS,
});

const webhooks = toggled({
  failurePolicy: { enum: ["Ignore", "Fail"] },
  certManager: toggled({
    issuerRef: {
      ...closed({ name: NAME_SCHEMA, kind: STRING, group: STRING }),
      // Empty, or with a name: a kind alone would be an issuer of the chart's name that nobody has made.
      if: { minProperties: 1 },
      // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON schema
      then: { required: ["name"] },
    },
  }),
});

const agent = toggled({
  image,
  settings: agentSettingsSchema(),
  detachOnUninstall: BOOLEAN,
  admissionPolicyAnyNamespace: BOOLEAN,
  detachTimeoutSeconds: { type: "integer", minimum: 1, maximum: 3600 },
  admissionPolicy: { enum: ["auto", "required"] },
  capabilities: { type: "array", items: { type: "string", pattern: "^[A-Z_]+$" }, uniqueItems: true },
  resources: MAP,
  priorityClassName: STRING,
  resourceQuota: toggled({
    pods: {
      anyOf: [
        { type: "integer", minimum: 1 },
        { type: "string", pattern: "^[1-9][0-9]*k?$" },
      ],
    },
  }),
  tolerations: OBJECTS,
  nodeSelector: STRINGS,
  affinity: MAP,
  // DaemonSets with none are refused by the API server.
  maxUnavailable: SHARE_OF_SOME,
  podAnnotations: STRINGS,
  podLabels: LABELS,
  extraEnv: OBJECTS,
  seLinuxOptions: MAP,
  seccompProfile: MAP,
  serviceAccount: closed({ annotations: STRINGS }),
});

const observed: Readonly<Record<string, Schema>> = {
  metrics: closed({
    service: toggled({ port: PORT, annotations: STRINGS }),
    serviceMonitor: monitor,
    podMonitor: monitor,
  }),
  prometheusRule: toggled({
    labels: LABELS,
    annotations: STRINGS,
    runbookUrl: { type: "string", pattern: "^https?://" },
    alertLabels: STRINGS,
  }),
  dashboards: toggled({ labels: LABELS, annotations: STRINGS }),
};

const placed: Readonly<Record<string, Schema>> = {
  podDisruptionBudget: toggled({ maxUnavailable: SHARE_OR_EMPTY, minAvailable: SHARE_OR_EMPTY }),
  topologySpreadConstraints: OBJECTS,
  networkPolicy: toggled({
    apiServerPorts: { type: "array", items: PORT, minItems: 1 },
    metricsFrom: OBJECTS,
    extraIngress: OBJECTS,
    extraEgress: OBJECTS,
  }),
};

const pods: Readonly<Record<string, Schema>> = {
  extraLabels: LABELS,
  standardLabels: BOOLEAN,
  extraEnv: OBJECTS,
  extraArgs: { type: "array", items: STRING },
  extraVolumes: OBJECTS,
  extraVolumeMounts: OBJECTS,
  podAnnotations: STRINGS,
  podLabels: LABELS,
  priorityClassName: STRING,
  nodeSelector: STRINGS,
  tolerations: OBJECTS,
  affinity: MAP,
  resources: MAP,
  podSecurityContext: MAP,
  securityContext: MAP,
  terminationGracePeriodSeconds: { type: "integer", minimum: 0 },
  cleanUpOnUninstall: BOOLEAN,
};

/** chart/values.schema.json. */
export const valuesSchema = (): string => {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $comment: "Generated by scripts/generate.ts from scripts/chart-schema.ts. Do not edit: change it there.",
    title: "Values of the chart podconfigmap-controller",
    ...closed({
      // Helm puts it there for a chart within another.
      global: MAP,
      image,
      imagePullSecrets: { type: "array", items: { ...closed({ name: NAME_SCHEMA }), required: ["name"] } },
      role: { enum: ["manager", "all"] },
      replicas: { type: "integer", minimum: 0 },
      controllers: { type: "array", items: { enum: GROUPS }, minItems: 1, uniqueItems: true },
      watchNamespaces: { type: "array", items: NAMESPACE_SCHEMA, uniqueItems: true },
      podlogreader: closed({ createSaAndRoleBinding: BOOLEAN, allowPodGet: BOOLEAN }),
      settings: settingsSchema(),
      crds: closed({ install: BOOLEAN, keep: BOOLEAN }),
      rbac: closed({ create: BOOLEAN, aggregate: BOOLEAN, checkNamespaces: BOOLEAN }),
      serviceAccount: closed({ create: BOOLEAN, name: { anyOf: [NAME_SCHEMA, { const: "" }] }, annotations: STRINGS }),
      webhooks,
      agent,
      ...observed,
      ...placed,
      ...pods,
    }),
  };
  return `${JSON.stringify(schema, undefined, 2)}\n`;
};
