import { stringify } from "yaml";
import { type AddressPlan, familiesOf, perFamily } from "./address-plan.ts";

/** Where containerd listens, in the node's mount namespace. */
export const CONTAINERD_SOCKET = "/run/containerd/containerd.sock";

/** The image of the container that holds a Pod's namespaces. */
export const PAUSE_IMAGE = "localhost/pause:1";

/** Name of the node. */
export const NODE_NAME = "real-node";

/** What the configuration files name. */
export interface ConfigurationSetting {
  readonly addresses: AddressPlan;
  readonly cniFolder: string;
  /** Folder of the network configuration. */
  readonly cniConfiguration: string;
  readonly caFile: string;
  readonly proxyKubeconfig: string;
}

/** containerd's configuration, version 2, which 1.6 and later read. */
export const containerdConfiguration = ({ cniFolder, cniConfiguration }: ConfigurationSetting): string => `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"

[grpc]
address = "${CONTAINERD_SOCKET}"

[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "${PAUSE_IMAGE}"
# Without CAP_SYS_RESOURCE, runc dies when it is to lower a score: "can't get final child's PID from pipe: EOF".
restrict_oom_score_adj = true
# Its profile would be loaded for the whole machine, and stay.
disable_apparmor = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "${cniFolder}"
conf_dir = "${cniConfiguration}"

[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
`;

/**
 * The Pods' network. Each Pod gets a link of its own and reaches the others through the node (ptp): on a bridge, the
 * answer of a Pod behind a Service would go straight to the Pod that asked, which knows only the Service's address.
 */
export const cniConfiguration = ({ addresses }: ConfigurationSetting): string =>
  JSON.stringify({
    cniVersion: "0.4.0",
    name: "pods",
    plugins: [
      {
        type: "ptp",
        mtu: 1500,
        ipam: {
          type: "host-local",
          dataDir: "/run/cni",
          // A Pod gets an address of each.
          ranges: familiesOf(addresses).map(({ pods }) => [{ subnet: pods }]),
          routes: addresses.v6 ? [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] : [{ dst: "0.0.0.0/0" }],
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  });

/** kubelet's configuration. */
export const kubeletConfiguration = ({ addresses, caFile }: ConfigurationSetting): string =>
  stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: addresses.node,
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: caFile } },
    authorization: { mode: "Webhook" },
    cgroupDriver: "cgroupfs",
    failCgroupV1: false,
    failSwapOn: false,
    localStorageCapacityIsolation: false,
    // Pods leave only when the machine itself is at its end: other work on it is no reason.
    evictionHard: { "memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
    // An image that was collected could not be pulled again.
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    // The machine's own would not be reachable from here.
    resolvConf: "",
    volumePluginDir: "/var/lib/kubelet/volume-plugins",
    nodeStatusUpdateFrequency: "10s",
  });

/** kube-proxy's configuration. All of it happens in the node's network namespace. */
export const proxyConfiguration = ({ addresses, proxyKubeconfig }: ConfigurationSetting): string =>
  stringify({
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    clusterCIDR: perFamily(addresses, ({ pods }) => pods),
    clientConnection: { kubeconfig: proxyKubeconfig },
    nodePortAddresses: [`${addresses.node}/32`, ...(addresses.v6 ? [`${addresses.v6.node}/128`] : [])],
    // These are the machine's, not the namespace's.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    nftables: { minSyncPeriod: "100ms" },
  });
