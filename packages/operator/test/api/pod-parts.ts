/** Containers and volumes as users write them, with as many fields as go together; each makes a Pod that the API server takes. */

export const fullContainer = {
  name: "sidecar",
  image: "registry.example.com/sidecar:1",
  imagePullPolicy: "IfNotPresent",
  command: ["/bin/sidecar"],
  args: ["--verbose", "$(NODE)"],
  workingDir: "/srv",
  env: [
    { name: "PLAIN", value: "x" },
    { name: "EMPTY" },
    { name: "NODE", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "spec.nodeName" } } },
    { name: "app.name", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app.kubernetes.io/name']" } } },
    { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1m" } } },
    { name: "FROM_MAP", valueFrom: { configMapKeyRef: { name: "m", key: "k", optional: true } } },
    { name: "FROM_SECRET", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
  ],
  envFrom: [{ prefix: "P_", configMapRef: { name: "m", optional: true } }, { secretRef: { name: "s" } }],
  ports: [
    { name: "http", containerPort: 8080, protocol: "TCP" },
    { name: "dns-1", containerPort: 53, protocol: "UDP" },
    { containerPort: 53, protocol: "TCP" },
  ],
  resources: {
    requests: { cpu: "100m", memory: "64Mi", "ephemeral-storage": "1Gi" },
    limits: { cpu: "1", memory: "128Mi", "ephemeral-storage": "2Gi", "example.com/gpu": "1" },
  },
  resizePolicy: [{ resourceName: "cpu", restartPolicy: "NotRequired" }],
  livenessProbe: {
    httpGet: { path: "/live", port: "http", scheme: "HTTPS", httpHeaders: [{ name: "X-Probe", value: "1" }] },
    initialDelaySeconds: 1,
    timeoutSeconds: 2,
    periodSeconds: 3,
    successThreshold: 1,
    failureThreshold: 4,
    terminationGracePeriodSeconds: 5,
  },
  readinessProbe: { grpc: { port: 9000, service: "x" }, successThreshold: 2 },
  startupProbe: { tcpSocket: { port: 8080 } },
  lifecycle: { postStart: { exec: { command: ["true"] } }, preStop: { sleep: { seconds: 3 } } },
  securityContext: {
    runAsUser: 1000,
    runAsGroup: 1000,
    runAsNonRoot: true,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { add: ["NET_BIND_SERVICE"], drop: ["ALL"] },
    seccompProfile: { type: "Localhost", localhostProfile: "p.json" },
    appArmorProfile: { type: "RuntimeDefault" },
    seLinuxOptions: { level: "s0:c1,c2" },
    procMount: "Default",
  },
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "FallbackToLogsOnError",
  stdin: true,
  stdinOnce: true,
  tty: true,
};

/** The fields of which a container can have one kind only, with the other kinds. */
export const otherContainer = {
  ...fullContainer,
  imagePullPolicy: "Always",
  env: [{ name: "MEMORY", valueFrom: { resourceFieldRef: { resource: "requests.memory", divisor: "1Mi" } } }],
  envFrom: [{ configMapRef: { name: "m" } }],
  ports: [{ name: "web", containerPort: 80, hostPort: 8080, hostIP: "127.0.0.1", protocol: "SCTP" }],
  resources: { limits: { cpu: 2, "hugepages-2Mi": "4Mi", "example.com/gpu": 2 }, requests: { "example.com/gpu": 2 } },
  resizePolicy: [{ resourceName: "memory", restartPolicy: "RestartContainer" }],
  livenessProbe: { exec: { command: ["true"] } },
  readinessProbe: { httpGet: { port: 80, host: "localhost" } },
  startupProbe: { tcpSocket: { port: "web", host: "localhost" }, terminationGracePeriodSeconds: 1 },
  lifecycle: {
    postStart: { httpGet: { port: "web", path: "/start" } },
    preStop: { exec: { command: ["sleep", "1"] } },
  },
  securityContext: {
    privileged: true,
    allowPrivilegeEscalation: true,
    runAsNonRoot: false,
    capabilities: { add: ["CAP_SYS_ADMIN"] },
    seccompProfile: { type: "Unconfined" },
    appArmorProfile: { type: "Localhost", localhostProfile: "p" },
    windowsOptions: { runAsUserName: "ContainerUser" },
  },
};

/** One of each source that people use. */
export const fullVolumes = [
  { name: "v", emptyDir: { medium: "Memory", sizeLimit: "10Mi" } },
  { name: "v", configMap: { name: "m", defaultMode: 0o644, items: [{ key: "k", path: "a/k", mode: 0o400 }] } },
  { name: "v", secret: { secretName: "s", defaultMode: 0o400, optional: true } },
  { name: "v", hostPath: { path: "/var/log", type: "Directory" } },
  { name: "v", persistentVolumeClaim: { claimName: "c", readOnly: true } },
  {
    name: "v",
    downwardAPI: {
      defaultMode: 0o644,
      items: [
        { path: "labels", fieldRef: { apiVersion: "v1", fieldPath: "metadata.labels" } },
        { path: "cpu", resourceFieldRef: { containerName: "sidecar", resource: "limits.cpu", divisor: "1m" } },
      ],
    },
  },
  {
    name: "v",
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { path: "token", expirationSeconds: 3600, audience: "a" } },
        { configMap: { name: "m", items: [{ key: "k", path: "k" }] } },
        { secret: { name: "s" } },
        { downwardAPI: { items: [{ path: "n", fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } }] } },
      ],
    },
  },
  { name: "v", csi: { driver: "d.example.com", readOnly: true, volumeAttributes: { a: "b" } } },
  { name: "v", nfs: { server: "nfs.example.com", path: "/srv" } },
  { name: "v", image: { reference: "registry.example.com/files:1", pullPolicy: "IfNotPresent" } },
  {
    name: "v",
    ephemeral: {
      volumeClaimTemplate: {
        metadata: { labels: { app: "x" }, annotations: { a: "b" } },
        spec: {
          accessModes: ["ReadWriteOnce"],
          storageClassName: "fast",
          volumeMode: "Filesystem",
          resources: { requests: { storage: "1Gi" } },
        },
      },
    },
  },
];
