import type { Container, PodSecurityContext, PodSpec, SecurityContext, Volume } from "kubernetes-types/core/v1.d.ts";

/*
 * The Pod Security Standards, as far as a container and a volume can be against them: what Pod Security admission of
 * Kubernetes 1.36 checks, in its latest version (https://kubernetes.io/docs/concepts/security/pod-security-standards/,
 * k8s.io/pod-security-admission/policy).
 */

/** The profiles of Pod Security Standards. */
export type Profile = "privileged" | "baseline" | "restricted";

/** What is to be judged, and the Pod that it comes into. */
export interface Judged {
  readonly container: Container;
  readonly volume?: Volume | undefined;
  readonly pod?: Pick<PodSpec, "securityContext" | "hostUsers"> | undefined;
}

/** Why Pod Security admission would refuse a Pod for what is added to it, one line each, in a namespace that enforces a profile. */
export const violations = (judged: Judged, profile: Profile): readonly string[] => {
  if (profile === "privileged") return [];
  return profile === "baseline" ? baselineViolations(judged) : restrictedViolations(judged);
};

/** Against the profile Baseline. */
export const baselineViolations = ({ container, volume, pod }: Judged): readonly string[] => {
  const context = container.securityContext ?? {};
  return [
    ...(context.privileged === true ? ["securityContext.privileged must not be true"] : []),
    ...(context.windowsOptions?.hostProcess === true
      ? ["securityContext.windowsOptions.hostProcess must not be true"]
      : []),
    ...addedBeyond(context, BASELINE_CAPABILITIES),
    ...(isSet(context.procMount, "Default") && pod?.hostUsers !== false
      ? ["securityContext.procMount must be Default"]
      : []),
    ...(context.seccompProfile?.type === "Unconfined"
      ? ["securityContext.seccompProfile.type must not be Unconfined"]
      : []),
    ...appArmorViolations(context),
    ...seLinuxViolations(context),
    ...(container.ports?.some(({ hostPort }) => Boolean(hostPort)) === true ? ["ports must have no hostPort"] : []),
    ...(namesHost(container) ? ["probes and lifecycle hooks must name no host"] : []),
    ...(volume?.hostPath !== undefined ? [`volume ${volume.name} must not be a hostPath`] : []),
  ];
};

/** Against the profile Restricted, which holds all of Baseline. */
export const restrictedViolations = (judged: Judged): readonly string[] => {
  const { container, volume, pod } = judged;
  const context = container.securityContext ?? {};
  const ofPod = pod?.securityContext;
  const kind = volume && restrictedKindOf(volume);
  return [
    ...new Set([
      ...baselineViolations({ ...judged, volume: undefined }),
      ...(context.allowPrivilegeEscalation === false ? [] : ["securityContext.allowPrivilegeEscalation must be false"]),
      ...(pod?.hostUsers === false ? [] : userViolations(context, ofPod)),
      ...(PROFILES.includes(context.seccompProfile?.type ?? ofPod?.seccompProfile?.type ?? "")
        ? []
        : ["securityContext.seccompProfile.type must be RuntimeDefault or Localhost"]),
      ...(context.capabilities?.drop?.includes("ALL") === true
        ? []
        : ["securityContext.capabilities.drop must have ALL"]),
      ...addedBeyond(context, RESTRICTED_CAPABILITIES),
      ...(kind === undefined ? [] : [`volume ${volume?.name} must not be a ${kind}`]),
    ]),
  ];
};

const PROFILES = ["RuntimeDefault", "Localhost"];

const BASELINE_CAPABILITIES = [
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
];
const RESTRICTED_CAPABILITIES = ["NET_BIND_SERVICE"];

const addedBeyond = ({ capabilities }: SecurityContext, allowed: readonly string[]): readonly string[] => {
  const beyond = (capabilities?.add ?? []).filter((capability) => !allowed.includes(capability));
  return beyond.map((capability) => `securityContext.capabilities.add must not have ${capability}`);
};

const userViolations = (context: SecurityContext, ofPod: PodSecurityContext | undefined): readonly string[] => [
  ...((context.runAsNonRoot ?? ofPod?.runAsNonRoot) === true ? [] : ["securityContext.runAsNonRoot must be true"]),
  ...(context.runAsUser === 0 ? ["securityContext.runAsUser must not be 0"] : []),
];

/** Newer than the types. */
type Confined = SecurityContext & { readonly appArmorProfile?: { readonly type?: string } };

const appArmorViolations = ({ appArmorProfile }: Confined): readonly string[] =>
  appArmorProfile === undefined || PROFILES.includes(appArmorProfile.type ?? "")
    ? []
    : ["securityContext.appArmorProfile.type must be RuntimeDefault or Localhost"];

const SELINUX_TYPES = ["container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

const seLinuxViolations = ({ seLinuxOptions: { type, user, role } = {} }: SecurityContext): readonly string[] => [
  ...(isSet(type) && !SELINUX_TYPES.includes(type ?? "")
    ? [`securityContext.seLinuxOptions.type must be one of ${SELINUX_TYPES.join(", ")}`]
    : []),
  ...(isSet(user) ? ["securityContext.seLinuxOptions.user must not be set"] : []),
  ...(isSet(role) ? ["securityContext.seLinuxOptions.role must not be set"] : []),
];

const isSet = (value: string | undefined, fallback = ""): boolean =>
  value !== undefined && value !== "" && value !== fallback;

/** Whether a probe or hook is sent elsewhere than to the Pod (checked from 1.34 on). */
const namesHost = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container): boolean =>
  [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].some(
    (handler) => isSet(handler?.httpGet?.host) || isSet(handler?.tcpSocket?.host),
  );

const ALLOWED_VOLUMES = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "image",
  "persistentVolumeClaim",
  "projected",
  "secret",
];

/** The kind of a volume that is not among those allowed. A volume without a kind is an emptyDir. */
const restrictedKindOf = (volume: Volume): string | undefined =>
  Object.keys(volume).find((field) => field !== "name" && !ALLOWED_VOLUMES.includes(field));
