/*
 * Specs of Watchers, legal and refused. Unit tests give them to the offline checks, an integration test to a real API server
 * with our CRD, and as Pods to its own validation.
 */
import { fullContainer, fullVolumes, otherContainer } from "./pod-parts.ts";

export interface WatcherCase {
  readonly name: string;
  readonly spec: unknown;
}

export interface RefusedWatcher extends WatcherCase {
  /** The field that the refusal names. */
  readonly field: string;
  /** A part of the message, where it is a rule of ours. */
  readonly says?: string;
  /** Why the API server with our CRD lets it in; absent: it does not. */
  readonly cannotSay?: string;
  /** Whether a Pod with this container and volume would be created all the same. */
  readonly podIsFine?: true;
}

/** The least that a container needs. */
export const small = { name: "sidecar", image: "registry.example.com/sidecar:1" };

const container = (fields: object) => ({ container: { ...small, ...fields } });
/** A volume and a mount of it. */
const mounted = (volume: object, mount: object = {}) => ({
  container: { ...small, volumeMounts: [{ name: "v", mountPath: "/v", ...mount }] },
  volume: { name: "v", ...volume },
});

export const legal: readonly WatcherCase[] = [
  { name: "the least", spec: { container: small } },
  { name: "every field of a container", spec: { container: fullContainer } },
  { name: "every field of a container, differently", spec: { container: otherContainer } },
  ...fullVolumes.map((volume) => ({
    name: `a volume of ${Object.keys(volume)[1] ?? ""}`,
    spec: { container: { ...small, volumeMounts: [{ name: "v", mountPath: "/v" }] }, volume },
  })),
  { name: "a volume without a source, an emptyDir", spec: mounted({}) },
  { name: "mounts of one volume in two places", spec: mountedTwice("/a", "/b") },
  { name: "a part of a volume, read only", spec: mounted({ emptyDir: {} }, { subPath: "a/b..c", readOnly: true }) },
  { name: "a part of a volume by variable", spec: mounted({ emptyDir: {} }, { subPathExpr: "$(NODE)" }) },
  { name: "null fields", spec: { ...container({ args: null, resources: null }), volume: null, configData: null } },
  {
    name: "data",
    spec: { container: small, configData: { LEVEL: "debug", "a.b-c_d": "" }, configBinaryData: { k: "YQ==" } },
  },
  { name: "a pull secret", spec: { container: small, imagePullSecrets: { name: "registry" } } },
  { name: "a selector", spec: { container: small, podSelector: { matchLabels: { app: "web" } } } },
  { name: "the selector of all Pods", spec: { container: small, podSelector: {} } },
  { name: "a null selector", spec: { container: small, podSelector: null } },
  { name: "all words", spec: { ...container({ restartPolicy: "Always" }), injectAs: "Sidecar", rollout: "OnChange" } },
  { name: "a plain container that ends", spec: { ...container({ restartPolicy: "Never" }), injectAs: "Container" } },
  {
    name: "ports on the host that differ in protocol",
    spec: container({
      ports: [
        { containerPort: 53, hostPort: 53, protocol: "UDP" },
        { containerPort: 53, hostPort: 53, protocol: "TCP" },
      ],
    }),
  },
  { name: "whole numbers as amounts", spec: container({ resources: { limits: { cpu: 1, memory: 1048576 } } }) },
  {
    name: "amounts in all forms",
    spec: container({ resources: { requests: { cpu: ".5", memory: "1e3" }, limits: { cpu: "500m", memory: "1E6" } } }),
  },
];

function mountedTwice(...paths: readonly string[]) {
  const mounts = paths.map((mountPath) => ({ name: "v", mountPath }));
  return { container: { ...small, volumeMounts: mounts }, volume: { name: "v", emptyDir: {} } };
}

const LISTS = "a rule for each item of a list without bounds costs more than the API server allows";
const QUANTITIES = "CEL compares amounts from Kubernetes 1.29 on only";

const probe = (livenessProbe: object) =>
  container({ livenessProbe: { exec: { command: ["true"] }, ...livenessProbe } });

const ofContainer: readonly RefusedWatcher[] = [
  { name: "no container", spec: {}, field: "spec.container", podIsFine: true },
  { name: "no container name", spec: { container: { image: "i" } }, field: "spec.container.name" },
  ...["", "Side", "a_b", "-a", "a".repeat(64)].map((name) => ({
    name: `the container name ${JSON.stringify(name)}`,
    spec: container({ name }),
    field: "spec.container.name",
  })),
  { name: "no image", spec: { container: { name: "c" } }, field: "spec.container.image" },
  { name: "an empty image", spec: container({ image: "" }), field: "spec.container.image" },
  {
    name: "an image with a space",
    spec: container({ image: "i " }),
    field: "spec.container.image",
    cannotSay: "kept to one message",
  },
  { name: "args that are no list", spec: container({ args: "x" }), field: "spec.container.args" },
  { name: "an argument that is a number", spec: container({ args: [1] }), field: "spec.container.args[0]" },
  {
    name: "an unknown pull policy",
    spec: container({ imagePullPolicy: "Sometimes" }),
    field: "spec.container.imagePullPolicy",
  },
  {
    name: "a sidecar that ends",
    spec: container({ restartPolicy: "Never" }),
    field: "spec.container.restartPolicy",
    says: "a sidecar has restartPolicy Always, and a plain container that of its Pod",
    podIsFine: true,
  },
  {
    name: "an unknown restart policy",
    spec: container({ restartPolicy: "Maybe" }),
    field: "spec.container.restartPolicy",
  },
  {
    name: "a number as a variable's value",
    spec: container({ env: [{ name: "A", value: 1 }] }),
    field: "spec.container.env[0].value",
  },
  {
    name: "a variable without a name",
    spec: container({ env: [{ value: "1" }] }),
    field: "spec.container.env[0].name",
  },
  {
    name: "a variable with = in its name",
    spec: container({ env: [{ name: "A=B" }] }),
    field: "spec.container.env[0].name",
  },
  {
    name: "a variable twice",
    spec: container({ env: [{ name: "A" }, { name: "A", value: "x" }] }),
    field: "spec.container.env[1]",
    podIsFine: true,
  },
  {
    name: "a variable from nowhere",
    spec: container({ env: [{ name: "A", valueFrom: {} }] }),
    field: "spec.container.env[0].valueFrom",
  },
  {
    name: "a variable from two sources",
    spec: container({
      env: [
        { name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" }, secretKeyRef: { name: "s", key: "k" } } },
      ],
    }),
    field: "spec.container.env[0].valueFrom",
  },
  {
    name: "a variable with value and source",
    spec: container({ env: [{ name: "A", value: "x", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] }),
    field: "spec.container.env[0].valueFrom",
    cannotSay: LISTS,
  },
  {
    name: "a variable from a field that is not to be had",
    spec: container({ env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.containers" } } }] }),
    field: "spec.container.env[0].valueFrom.fieldRef.fieldPath",
    cannotSay: LISTS,
  },
  {
    name: "a variable from no resource",
    spec: container({ env: [{ name: "A", valueFrom: { resourceFieldRef: { resource: "limits.disk" } } }] }),
    field: "spec.container.env[0].valueFrom.resourceFieldRef.resource",
    cannotSay: LISTS,
  },
  {
    name: "an environment from nowhere",
    spec: container({ envFrom: [{ prefix: "P_" }] }),
    field: "spec.container.envFrom[0]",
    cannotSay: LISTS,
  },
  {
    name: "an environment from a ConfigMap without a name",
    spec: container({ envFrom: [{ configMapRef: {} }] }),
    field: "spec.container.envFrom[0].configMapRef.name",
    cannotSay: LISTS,
  },
  ...[0, 65_536, "80"].map((containerPort) => ({
    name: `the port ${JSON.stringify(containerPort)}`,
    spec: container({ ports: [{ containerPort }] }),
    field: "spec.container.ports[0].containerPort",
  })),
  ...["1", "a--b", "-a", "A", "a".repeat(16)].map((name) => ({
    name: `a port called ${name}`,
    spec: container({ ports: [{ containerPort: 80, name }] }),
    field: "spec.container.ports[0].name",
  })),
  {
    name: "an unknown protocol",
    spec: container({ ports: [{ containerPort: 80, protocol: "ICMP" }] }),
    field: "spec.container.ports[0].protocol",
  },
  {
    name: "a port twice",
    spec: container({ ports: [{ containerPort: 80 }, { containerPort: 80 }] }),
    field: "spec.container.ports[1]",
    podIsFine: true,
  },
  {
    name: "two ports of one name",
    spec: container({
      ports: [
        { containerPort: 80, name: "a" },
        { containerPort: 81, name: "a" },
      ],
    }),
    field: "spec.container.ports[1].name",
    cannotSay: LISTS,
  },
  {
    name: "two ports on one of the host",
    spec: container({
      ports: [
        { containerPort: 80, hostPort: 1 },
        { containerPort: 81, hostPort: 1 },
      ],
    }),
    field: "spec.container.ports[1].hostPort",
    cannotSay: LISTS,
  },
  {
    name: "a fraction without quotes",
    spec: container({ resources: { limits: { cpu: 0.5 } } }),
    field: "spec.container.resources.limits.cpu",
    podIsFine: true,
  },
  {
    name: "an amount in no unit",
    spec: container({ resources: { limits: { memory: "1x" } } }),
    field: "spec.container.resources.limits.memory",
  },
  {
    name: "less than nothing",
    spec: container({ resources: { limits: { memory: "-1" } } }),
    field: "spec.container.resources.limits.memory",
  },
  {
    name: "a request over the limit",
    spec: container({ resources: { requests: { cpu: "1" }, limits: { cpu: "999m" } } }),
    field: "spec.container.resources.requests.cpu",
    cannotSay: QUANTITIES,
  },
  {
    name: "an unknown resource",
    spec: container({ resources: { limits: { ram: "1" } } }),
    field: "spec.container.resources.limits.ram",
    cannotSay: LISTS,
  },
  {
    name: "a part of a device",
    spec: container({ resources: { limits: { "example.com/gpu": "500m" } } }),
    field: "spec.container.resources.limits[example.com/gpu]",
    cannotSay: QUANTITIES,
  },
  {
    name: "a request of fewer devices than the limit",
    spec: container({ resources: { limits: { "example.com/gpu": 2 }, requests: { "example.com/gpu": 1 } } }),
    field: "spec.container.resources.requests[example.com/gpu]",
    cannotSay: QUANTITIES,
  },
  {
    name: "a part of a huge page",
    spec: container({ resources: { limits: { cpu: 1, "hugepages-2Mi": "3Mi" } } }),
    field: "spec.container.resources.limits[hugepages-2Mi]",
    cannotSay: QUANTITIES,
  },
  {
    name: "huge pages alone",
    spec: container({ resources: { limits: { "hugepages-2Mi": "2Mi" } } }),
    field: "spec.container.resources",
    cannotSay: "kept to one message",
  },
  {
    name: "a device without a limit",
    spec: container({ resources: { requests: { "example.com/gpu": "1" } } }),
    field: "spec.container.resources.requests[example.com/gpu]",
    cannotSay: LISTS,
  },
  {
    name: "a probe that does nothing",
    spec: container({ livenessProbe: { periodSeconds: 1 } }),
    field: "spec.container.livenessProbe",
    says: "needs exactly one of exec, grpc, httpGet, tcpSocket",
  },
  { name: "a probe that does two things", spec: probe({ grpc: { port: 1 } }), field: "spec.container.livenessProbe" },
  {
    name: "a probe with a negative time",
    spec: probe({ timeoutSeconds: -1 }),
    field: "spec.container.livenessProbe.timeoutSeconds",
  },
  {
    name: "a probe with a time past int32",
    spec: probe({ timeoutSeconds: 5_000_000_000 }),
    field: "spec.container.livenessProbe.timeoutSeconds",
  },
  {
    name: "liveness that has to be shown twice",
    spec: probe({ successThreshold: 2 }),
    field: "spec.container.livenessProbe.successThreshold",
  },
  {
    name: "readiness that ends something",
    spec: container({ readinessProbe: { tcpSocket: { port: 1 }, terminationGracePeriodSeconds: 1 } }),
    field: "spec.container.readinessProbe.terminationGracePeriodSeconds",
  },
  {
    name: "a probe of port 0",
    spec: container({ livenessProbe: { tcpSocket: { port: 0 } } }),
    field: "spec.container.livenessProbe.tcpSocket.port",
  },
  {
    name: "a probe of a port with a bad name",
    spec: container({ livenessProbe: { httpGet: { port: "No" } } }),
    field: "spec.container.livenessProbe.httpGet.port",
  },
  {
    name: "a hook that does nothing",
    spec: container({ lifecycle: { preStop: {} } }),
    field: "spec.container.lifecycle.preStop",
  },
  {
    name: "privileged without escalation",
    spec: container({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    field: "spec.container.securityContext.allowPrivilegeEscalation",
    says: "cannot be false with privileged: true",
  },
  {
    name: "CAP_SYS_ADMIN without escalation",
    spec: container({ securityContext: { allowPrivilegeEscalation: false, capabilities: { add: ["CAP_SYS_ADMIN"] } } }),
    field: "spec.container.securityContext.allowPrivilegeEscalation",
    cannotSay: LISTS,
  },
  {
    name: "a negative user",
    spec: container({ securityContext: { runAsUser: -1 } }),
    field: "spec.container.securityContext.runAsUser",
  },
  {
    name: "an unknown seccomp profile",
    spec: container({ securityContext: { seccompProfile: { type: "None" } } }),
    field: "spec.container.securityContext.seccompProfile.type",
  },
  {
    name: "a local profile without its name",
    spec: container({ securityContext: { seccompProfile: { type: "Localhost" } } }),
    field: "spec.container.securityContext.seccompProfile.localhostProfile",
    says: "belongs to type Localhost",
  },
  {
    name: "a name for a profile that is not local",
    spec: container({ securityContext: { appArmorProfile: { type: "RuntimeDefault", localhostProfile: "x" } } }),
    field: "spec.container.securityContext.appArmorProfile.localhostProfile",
  },
  {
    name: "rules for restarts without a policy",
    spec: {
      ...container({ restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [1] } }] }),
      injectAs: "Container",
    },
    field: "spec.container.restartPolicy",
    cannotSay: "kept to one message",
  },
];

const claim = (spec: object) => mounted({ ephemeral: { volumeClaimTemplate: { spec } } });

const ofVolume: readonly RefusedWatcher[] = [
  {
    name: "a mount without a volume",
    spec: container({ volumeMounts: [{ name: "v", mountPath: "/v" }] }),
    field: "spec.container.volumeMounts",
    says: "a mount refers to no volume",
  },
  {
    name: "a mount of another volume",
    spec: mounted({ emptyDir: {} }, { name: "w" }),
    field: "spec.container.volumeMounts",
    says: "a mount refers to no volume",
  },
  {
    name: "a device without a volume",
    spec: container({ volumeDevices: [{ name: "v", devicePath: "/dev/v" }] }),
    field: "spec.container.volumeDevices",
    says: "a mount refers to no volume",
  },
  { name: "a mount nowhere", spec: mounted({}, { mountPath: "" }), field: "spec.container.volumeMounts[0].mountPath" },
  {
    name: "two mounts in one place",
    spec: mountedTwice("/a", "/a"),
    field: "spec.container.volumeMounts[1]",
  },
  {
    name: "a part of a volume outside it",
    spec: mounted({}, { subPath: "../x" }),
    field: "spec.container.volumeMounts[0].subPath",
    cannotSay: LISTS,
  },
  {
    name: "a part of a volume from the root",
    spec: mounted({}, { subPath: "/x" }),
    field: "spec.container.volumeMounts[0].subPath",
    cannotSay: LISTS,
  },
  {
    name: "a part of a volume in two ways",
    spec: mounted({}, { subPath: "x", subPathExpr: "y" }),
    field: "spec.container.volumeMounts[0].subPathExpr",
    cannotSay: LISTS,
  },
  {
    name: "mounts that come back to the host, not privileged",
    spec: mounted({}, { mountPropagation: "Bidirectional" }),
    field: "spec.container.volumeMounts[0].mountPropagation",
    cannotSay: LISTS,
  },
  {
    name: "an unknown propagation",
    spec: mounted({}, { mountPropagation: "Up" }),
    field: "spec.container.volumeMounts[0].mountPropagation",
  },
  {
    name: "read only below what is not",
    spec: mounted({}, { recursiveReadOnly: "Enabled" }),
    field: "spec.container.volumeMounts[0].recursiveReadOnly",
    cannotSay: LISTS,
  },
  { name: "a volume without a name", spec: { container: small, volume: { emptyDir: {} } }, field: "spec.volume.name" },
  {
    name: "a volume with a bad name",
    spec: { container: small, volume: { name: "V", emptyDir: {} } },
    field: "spec.volume.name",
  },
  {
    name: "a volume of two sources",
    spec: mounted({ emptyDir: {}, nfs: { server: "s", path: "/" } }),
    field: "spec.volume",
  },
  {
    name: "a ConfigMap without a name",
    spec: mounted({ configMap: {} }),
    field: "spec.volume.configMap.name",
    cannotSay: "kept to one message",
  },
  {
    name: "a Secret without a name",
    spec: mounted({ secret: {} }),
    field: "spec.volume.secret.secretName",
    cannotSay: "kept to one message",
  },
  {
    name: "a mode past 0777",
    spec: mounted({ configMap: { name: "m", defaultMode: 512 } }),
    field: "spec.volume.configMap.defaultMode",
  },
  {
    name: "an item outside the volume",
    spec: mounted({ configMap: { name: "m", items: [{ key: "k", path: "../k" }] } }),
    field: "spec.volume.configMap.items[0].path",
    cannotSay: LISTS,
  },
  {
    name: "a folder of the host that climbs",
    spec: mounted({ hostPath: { path: "/a/../b" } }),
    field: "spec.volume.hostPath.path",
    cannotSay: "kept to one message",
  },
  {
    name: "a token that ends at once",
    spec: mounted({ projected: { sources: [{ serviceAccountToken: { path: "t", expirationSeconds: 599 } }] } }),
    field: "spec.volume.projected.sources[0].serviceAccountToken.expirationSeconds",
  },
  {
    name: "a projection of two sources",
    spec: mounted({ projected: { sources: [{ secret: { name: "s" }, configMap: { name: "m" } }] } }),
    field: "spec.volume.projected.sources[0]",
  },
  {
    name: "a claim without a template",
    spec: mounted({ ephemeral: {} }),
    field: "spec.volume.ephemeral.volumeClaimTemplate",
  },
  {
    name: "a claim of nothing",
    spec: claim({ accessModes: ["ReadWriteOnce"], resources: { requests: { storage: 0 } } }),
    field: "spec.volume.ephemeral.volumeClaimTemplate.spec.resources.requests.storage",
    cannotSay: QUANTITIES,
  },
  {
    name: "a claim with an unknown mode",
    spec: claim({ accessModes: ["Write"], resources: { requests: { storage: "1Gi" } } }),
    field: "spec.volume.ephemeral.volumeClaimTemplate.spec.accessModes[0]",
  },
  {
    name: "a file of nothing",
    spec: mounted({ downwardAPI: { items: [{ path: "a" }] } }),
    field: "spec.volume.downwardAPI.items[0]",
    cannotSay: LISTS,
  },
];

const ofData: readonly RefusedWatcher[] = [
  ...["", "!!!", "YQ", "YW-_", "YW\nJj"].map((k) => ({
    name: `the binary data ${JSON.stringify(k)}`,
    spec: { container: small, configBinaryData: { k } },
    field: "spec.configBinaryData.k",
  })),
  {
    name: "a key with a slash",
    spec: { container: small, configData: { "a/b": "x" } },
    field: "spec.configData",
    says: "the key a/b cannot be a key of a ConfigMap",
  },
  {
    name: "a binary key with a slash",
    spec: { container: small, configBinaryData: { "a/b": "YQ==" } },
    field: "spec.configBinaryData",
    says: "the key a/b cannot be a key of a ConfigMap",
  },
  {
    name: "a key that is text and binary",
    spec: { container: small, configData: { k: "" }, configBinaryData: { k: "YQ==" } },
    field: "spec.configBinaryData",
    says: "the key k is in configData and in configBinaryData",
  },
  { name: "a number as data", spec: { container: small, configData: { k: 1 } }, field: "spec.configData.k" },
  {
    name: "more than 1 MiB of text and bytes",
    spec: { container: small, configData: { k: "x".repeat(1_048_570) }, configBinaryData: { b: "YWJjZGVmYQ==" } },
    field: "spec",
  },
  {
    name: "1 MiB of characters, more of bytes",
    spec: { container: small, configData: { k: "ä".repeat(600_000) } },
    field: "spec.configData",
    cannotSay: "to count bytes costs more than the API server allows",
  },
];

export const refused: readonly RefusedWatcher[] = [
  ...ofContainer,
  ...ofVolume,
  ...ofData.map((each) => ({ ...each, podIsFine: true as const })),
  {
    name: "a pull secret without a name",
    spec: { container: small, imagePullSecrets: {} },
    field: "spec.imagePullSecrets.name",
    podIsFine: true,
  },
  {
    name: "a list of pull secrets",
    spec: { container: small, imagePullSecrets: [{ name: "x" }] },
    field: "spec.imagePullSecrets",
    podIsFine: true,
  },
  {
    name: "a bad selector",
    spec: { container: small, podSelector: { matchLabels: { "a b": "" } } },
    field: "spec.podSelector.matchLabels",
    podIsFine: true,
  },
  {
    name: "an unknown way to inject",
    spec: { container: small, injectAs: "Init" },
    field: "spec.injectAs",
    podIsFine: true,
  },
  { name: "an unknown rollout", spec: { container: small, rollout: "Always" }, field: "spec.rollout", podIsFine: true },
];

/** A Watcher with `spec`, as a user applies it. */
export const watcher = (name: string, spec: unknown) => ({
  apiVersion: "watch.example.com/v1alpha1",
  kind: "Watcher",
  metadata: { name, namespace: "default" },
  spec,
});
