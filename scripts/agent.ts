import type { DaemonSet } from "kubernetes-types/apps/v1.d.ts";
import type { Container, HostPathVolumeSource, Service, Volume, VolumeMount } from "kubernetes-types/core/v1.d.ts";
import type { ClusterRoleBinding } from "kubernetes-types/rbac/v1.d.ts";
import { agentAdmissionPolicy, agentAdmissionPolicyBinding } from "../packages/operator/src/admission/agent-policy.ts";
import { AGENT_LABEL, METRICS_PORT } from "../packages/operator/src/ebpf/agent/names.ts";
import { agentPermissions } from "../packages/operator/src/rbac/agent.ts";
import { AGENT, NAME } from "../packages/operator/src/rbac/names.ts";
import { head, NAMESPACE, roleYaml } from "./rbac-yaml.ts";
import { fileYaml, yamlOf } from "./yaml.ts";

const { name: AGENT_NAME, labels } = AGENT;

/** The Pods are in the node's network, where 8080 is often taken. Below the NodePorts, and in no registry. */
const PORT = 19_480;

/**
 * Where the node's bpffs is in the container. Not at /sys/fs/bpf: the default AppArmor profiles of containerd and CRI-O refuse
 * writes there, and pinning is one.
 */
const BPFFS = "/run/bpf";
const CGROUPS = "/sys/fs/cgroup";

const metadata = { name: AGENT_NAME, namespace: NAMESPACE, labels };

const binding: ClusterRoleBinding = {
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRoleBinding",
  metadata: { name: AGENT_NAME, labels },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: AGENT_NAME },
  subjects: [{ kind: "ServiceAccount", name: AGENT_NAME, namespace: NAMESPACE }],
};

/** Without an address of its own: each agent is a target of its own for whoever scrapes. */
const service: Service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { ...metadata, name: `${AGENT_NAME}-metrics` },
  spec: {
    clusterIP: "None",
    selector: labels,
    ports: [{ name: "metrics", port: PORT, targetPort: METRICS_PORT }],
  },
};

const fromNode = (name: string, path: string, type: HostPathVolumeSource["type"]): Volume => ({
  name,
  hostPath: { path, ...(type !== undefined && { type }) },
});

/** What is mounted below on the node later is seen too. */
const mount = (name: string, mountPath: string, rest: Partial<VolumeMount> = {}): VolumeMount => ({
  name,
  mountPath,
  mountPropagation: "HostToContainer",
  ...rest,
});

/**
 * Gives back to the node what loading programs took for a moment: libbpf reads the kernel's types, some megabytes a time, and
 * glibc would keep that in an arena of each thread. A third less memory with 50 Pods.
 */
const MEMORY = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "65536",
  MALLOC_TRIM_THRESHOLD_: "65536",
  NODE_OPTIONS: "--max-semi-space-size=1",
};

const container: Container = {
  name: "agent",
  image: `${NAME}:0.1.0`,
  args: ["agent"],
  env: [
    { name: "NODE_NAME", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
    { name: "METRICS_ADDR", value: `:${PORT}` },
    { name: "BPF_PIN_DIR", value: `${BPFFS}/pcmc/v1` },
    ...Object.entries(MEMORY).map(([name, value]) => ({ name, value })),
  ],
  ports: [{ name: METRICS_PORT, containerPort: PORT, hostPort: PORT, protocol: "TCP" }],
  livenessProbe: { httpGet: { path: "/healthz", port: METRICS_PORT }, periodSeconds: 10, timeoutSeconds: 5 },
  readinessProbe: { httpGet: { path: "/readyz", port: METRICS_PORT }, periodSeconds: 5, timeoutSeconds: 5 },
  // Since Linux 5.11 the kernel's maps are charged to the container that makes them: 1 MB for each guarded Pod, and 4 KiB a CPU for
  // each that is counted. A full node of 110 Pods and 64 CPUs: 112 MB and 29 MB, beside some 110 MB of our own. The request is
  // for that; the limit has room for 256 CPUs too, and for the policies that are being replaced, which stand twice for a moment.
  resources: { requests: { cpu: "20m", memory: "256Mi" }, limits: { memory: "512Mi" } },
  securityContext: {
    // Kubernetes gives the capabilities of a container to root only.
    runAsUser: 0,
    runAsNonRoot: false,
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"], add: ["BPF", "NET_ADMIN", "PERFMON"] },
  },
  volumeMounts: [mount("bpffs", BPFFS), mount("cgroups", CGROUPS, { readOnly: true })],
};

/** What runs on each node. */
export const agentDaemonSet: DaemonSet = {
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata,
  spec: {
    selector: { matchLabels: labels },
    // What is in the kernel stays there while an agent is replaced.
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "10%" } },
    template: {
      metadata: { labels: { ...labels, [AGENT_LABEL]: "true" } },
      spec: {
        serviceAccountName: AGENT_NAME,
        // The node's process ids, for the label pid; the node's addresses, from which probes come.
        hostPID: true,
        hostNetwork: true,
        dnsPolicy: "Default",
        nodeSelector: { "kubernetes.io/os": "linux" },
        priorityClassName: "system-node-critical",
        tolerations: [{ operator: "Exists" }],
        securityContext: { seccompProfile: { type: "RuntimeDefault" } },
        containers: [container],
        volumes: [fromNode("bpffs", "/sys/fs/bpf", "Directory"), fromNode("cgroups", CGROUPS, "Directory")],
      },
    },
  },
};

const HEAD = `# Generated by scripts/generate.ts from scripts/agent.ts and what the code declares in packages/operator/src/rbac/agent.ts and
# packages/operator/src/admission/agent-policy.ts. Do not edit: change these.
#
# The node agent, which does on each node what spec.ebpfConfig says. Apply crd/ first. Kubernetes 1.30 or later, for the
# ValidatingAdmissionPolicy; without that an agent's token could change any Pod's status and labels, so do not leave it out.
# It may run in another namespace than default: name that one in all objects here that have one, and to pcmc top as
# --agent-namespace. The policy looks at the ServiceAccount's name, in any namespace.
#
# It runs as root with three capabilities, and is not privileged:
#   BPF        maps and programs           (with kernels before 5.8: SYS_ADMIN in place of BPF and PERFMON)
#   NET_ADMIN  programs on cgroups' traffic
#   PERFMON    the program on system calls
# seccomp: containerd's RuntimeDefault allows bpf(2) to who has CAP_BPF (1.7, and 1.6 with its later patches; tried with 1.6.20).
# Where a runtime's does not, as older CRI-O's, use a Localhost profile that does, or Unconfined.
# AppArmor: the runtimes' default profiles are fine, because the node's /sys/fs/bpf is mounted outside of /sys here.
# SELinux: set seLinuxOptions.type to one that may use bpf, such as spc_t.
`;

/** The content of manifests/agent.yaml. */
export const agentYaml = (): string => {
  const objects = [
    head("v1", { kind: "ServiceAccount", name: AGENT_NAME, namespace: NAMESPACE, labels }),
    roleYaml({ kind: "ClusterRole", name: AGENT_NAME, labels }, agentPermissions),
    yamlOf(binding),
    yamlOf(agentAdmissionPolicy(AGENT_NAME)),
    yamlOf(agentAdmissionPolicyBinding()),
    yamlOf(service),
    yamlOf(agentDaemonSet),
  ];
  return fileYaml(HEAD, objects);
};
