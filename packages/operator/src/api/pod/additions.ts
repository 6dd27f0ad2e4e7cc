import { type Rule, rules, type SchemaNode } from "../schema.ts";

/** By `Type` or `Type.field`. `required` is added to, `items` is laid over what is there, all else replaces it. */
export type Additions = Readonly<Record<string, Partial<SchemaNode>>>;

const DNS_PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const DNS_LABEL = `^${DNS_PART}$`;

const dnsLabel: Rule<string> = {
  rule: `self.matches('${DNS_LABEL}')`,
  message: "is no name: use at most 63 small letters, digits and '-', with a letter or digit at both ends",
  check: (name) => new RegExp(DNS_LABEL).test(name),
};
const name = { maxLength: 63, ...rules(dnsLabel) };

const HANDLERS = ["exec", "grpc", "httpGet", "tcpSocket"] as const;
type Probe = Readonly<Partial<Record<(typeof HANDLERS)[number], unknown>>>;
const oneHandler: Rule<Probe> = {
  rule: `[${HANDLERS.map((handler) => `has(self.${handler})`).join(", ")}].filter(is, is).size() == 1`,
  message: `needs exactly one of ${HANDLERS.join(", ")}`,
  check: (probe) => HANDLERS.filter((handler) => probe[handler] !== undefined).length === 1,
};

/** The container is alive as soon as it answers once. */
const succeedsOnce: Rule<{ readonly successThreshold?: number }> = {
  rule: "!has(self.successThreshold) || self.successThreshold <= 1",
  message: "must be 1: liveness and startup probes succeed at once; remove it",
  fieldPath: ".successThreshold",
  check: ({ successThreshold = 1 }) => successThreshold <= 1,
};
const withoutGracePeriod: Rule<{ readonly terminationGracePeriodSeconds?: number }> = {
  rule: "!has(self.terminationGracePeriodSeconds)",
  message: "is not for readiness probes, which end nothing: remove it",
  fieldPath: ".terminationGracePeriodSeconds",
  check: ({ terminationGracePeriodSeconds }) => terminationGracePeriodSeconds === undefined,
};

interface SecurityContext {
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
}
const privilegedEscalates: Rule<SecurityContext> = {
  rule: "!has(self.privileged) || !self.privileged || !has(self.allowPrivilegeEscalation) || self.allowPrivilegeEscalation",
  message: "cannot be false with privileged: true: remove one of the two",
  fieldPath: ".allowPrivilegeEscalation",
  check: ({ privileged = false, allowPrivilegeEscalation = true }) => !privileged || allowPrivilegeEscalation,
};

interface Profile {
  readonly type: string;
  readonly localhostProfile?: string;
}
const localhostProfile: Rule<Profile> = {
  rule: "(self.type == 'Localhost') == (has(self.localhostProfile) && size(self.localhostProfile) > 0)",
  message: "belongs to type Localhost, which needs it: add it, or remove it",
  fieldPath: ".localhostProfile",
  check: ({ type, localhostProfile = "" }) => (type === "Localhost") === localhostProfile.length > 0,
};

/** A port by its number, or its name. Source: Kubernetes' `IsValidPortName`. */
const PORT_NAME = "([0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*";
const anyPort = { minimum: 1, maximum: 65_535, maxLength: 15, pattern: `^${PORT_NAME}$` };

const objectName = { maxLength: 253, pattern: `^${DNS_PART}([.]${DNS_PART})*$` };
const dataKey = { maxLength: 253, pattern: "^[-._a-zA-Z0-9]+$" };

const exactlyOne = { minProperties: 1, maxProperties: 1 };
const nonEmpty = { minLength: 1 };
const port = { minimum: 1, maximum: 65_535 };
const seconds = { minimum: 0 };
/** Source: Kubernetes' `IsValidUserID`. */
const id = { minimum: 0, maximum: 2_147_483_647 };
const fileMode = { minimum: 0, maximum: 0o777 };

/**
 * What the API server's code checks of a Pod, and its schemas do not say: with a container or volume that fails there, every Pod
 * that it is injected into would be refused. Source: Kubernetes' pkg/apis/core/validation. What a bound or a rule of a CRD
 * cannot say cheaply, above all what is below lists without bounds, is in admission/watcher.
 */
export const ADDITIONS: Additions = {
  Container: { required: ["image"] },
  "Container.name": name,
  "Container.image": nonEmpty,
  "Container.restartPolicy": { enum: ["Always", "Never", "OnFailure"] },
  "Container.livenessProbe": rules<Probe & { readonly successThreshold?: number }>(oneHandler, succeedsOnce),
  "Container.startupProbe": rules<Probe & { readonly successThreshold?: number }>(oneHandler, succeedsOnce),
  "Container.readinessProbe": rules<Probe & { readonly terminationGracePeriodSeconds?: number }>(
    oneHandler,
    withoutGracePeriod,
  ),
  "ContainerPort.containerPort": port,
  "ContainerPort.hostPort": { minimum: 0, maximum: 65_535 },
  "ContainerPort.name": { maxLength: 15, pattern: `^(${PORT_NAME})?$` },
  "ContainerResizePolicy.resourceName": { enum: ["cpu", "memory"] },
  "ContainerResizePolicy.restartPolicy": { enum: ["NotRequired", "RestartContainer"] },
  // Source: Kubernetes' `IsRelaxedEnvVarName`.
  "EnvVar.name": { pattern: "^[ -<>-~]+$" },
  EnvVarSource: exactlyOne,
  "EnvFromSource.prefix": { pattern: "^[ -<>-~]*$" },
  "ConfigMapEnvSource.name": objectName,
  "SecretEnvSource.name": objectName,
  "ConfigMapKeySelector.name": objectName,
  "ConfigMapKeySelector.key": dataKey,
  "SecretKeySelector.name": objectName,
  "SecretKeySelector.key": dataKey,
  LifecycleHandler: exactlyOne,
  "SleepAction.seconds": seconds,
  "GRPCAction.port": port,
  "HTTPGetAction.port": anyPort,
  "TCPSocketAction.port": anyPort,
  // The one required text that may be empty.
  "HTTPHeader.value": { minLength: 0 },
  "HTTPHeader.name": { pattern: "^[-A-Za-z0-9]+$" },
  ExecAction: { required: ["command"] },
  "ExecAction.command": { minItems: 1 },
  "Probe.initialDelaySeconds": seconds,
  "Probe.timeoutSeconds": seconds,
  "Probe.periodSeconds": seconds,
  "Probe.successThreshold": seconds,
  "Probe.failureThreshold": seconds,
  "Probe.terminationGracePeriodSeconds": { minimum: 1 },
  "SecurityContext.runAsUser": id,
  "SecurityContext.runAsGroup": id,
  SecurityContext: rules(privilegedEscalates),
  SeccompProfile: rules(localhostProfile),
  AppArmorProfile: rules(localhostProfile),
  // Bounded for the rule that they refer to the Watcher's volume.
  "Container.volumeMounts": { maxItems: 128 },
  "Container.volumeDevices": { maxItems: 128 },
  "VolumeMount.name": { maxLength: 63 },
  "VolumeDevice.name": { maxLength: 63 },
  "Volume.name": name,
  // Its name, and one source at most: none is an emptyDir.
  Volume: { maxProperties: 2 },
  VolumeProjection: { maxProperties: 1 },
  "ObjectFieldSelector.apiVersion": { pattern: "^(v1)?$" },
  "NFSVolumeSource.path": { pattern: "^/" },
  EphemeralVolumeSource: { required: ["volumeClaimTemplate"] },
  PersistentVolumeClaimSpec: { required: ["accessModes", "resources"] },
  "PersistentVolumeClaimSpec.accessModes": {
    minItems: 1,
    items: { type: "string", enum: ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"] },
  },
  VolumeResourceRequirements: { required: ["requests"] },
  "PersistentVolumeClaimSpec.storageClassName": { ...objectName, pattern: `^(${DNS_PART}([.]${DNS_PART})*)?$` },
  // Kubernetes lower-cases it before it judges it.
  "CSIVolumeSource.driver": { maxLength: 63, pattern: objectName.pattern.replaceAll("a-z", "A-Za-z") },
  "ConfigMapVolumeSource.defaultMode": fileMode,
  "SecretVolumeSource.defaultMode": fileMode,
  "ProjectedVolumeSource.defaultMode": fileMode,
  "DownwardAPIVolumeSource.defaultMode": fileMode,
  "KeyToPath.mode": fileMode,
  "DownwardAPIVolumeFile.mode": fileMode,
  "ServiceAccountTokenProjection.expirationSeconds": { minimum: 600, maximum: 4_294_967_296 },
};
