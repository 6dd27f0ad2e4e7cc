import { dirname, join } from "node:path";
import { type Flags, renderFlags } from "./flags.ts";
import type { ClusterPlan } from "./options.ts";
import type { Pki } from "./pki.ts";
import { type AddressPlan, perFamily } from "./real-node/address-plan.ts";

/** Large enough that no test or demo fills it; etcd refuses writes beyond. Bytes. */
const ETCD_QUOTA = 8 * 1024 ** 3;

/** Addresses of Services. Nothing routes there without real nodes, but each Service gets one. */
const SERVICE_CIDR = "10.0.0.0/16";

/** Addresses of simulated Pods, a quarter of a million of them. */
const POD_CIDR = "10.128.0.0/14";

/**
 * At the default of 20 requests a second the controller manager spends four seconds on the tokens of its controllers,
 * and a test with a thousand Pods measures this limit. Priority and fairness of the API server remain.
 */
const UNTHROTTLED = { "kube-api-qps": "2000", "kube-api-burst": "4000" };

/** Marks the nodes that kwok plays. */
export const SIMULATED_NODE = { key: "kwok.x-k8s.io/node", value: "fake" } as const;

/**
 * The socket on which etcd listens, in the state folder, which no other user can enter. Who can write to etcd can do
 * everything in the cluster, on a real node start a privileged Pod: it has no port of this machine.
 *
 * What stands behind the colon is part of the file's name: etcd before 3.6 takes no address without a port.
 */
export const ETCD_SOCKET = "etcd.sock:0";

/** Where its only member would listen for others. */
const ETCD_PEERS_SOCKET = "etcd-peers.sock:0";

/** Arguments of etcd. It runs in the state folder, to which the sockets are relative: they can only be named so. */
export const etcdArgs = (state: string, flags: Flags = {}): string[] =>
  renderFlags(
    {
      "data-dir": join(state, "etcd"),
      "listen-client-urls": `unix://${ETCD_SOCKET}`,
      // Nobody asks for it, but it must be given.
      "advertise-client-urls": `unix://${ETCD_SOCKET}`,
      // A single member has no peers, yet insists on listening for them.
      "listen-peer-urls": `unix://${ETCD_PEERS_SOCKET}`,
      // The data is gone with the cluster: a crash of the machine has nothing to lose.
      "unsafe-no-fsync": "true",
      // A single member elects itself; the default would let it wait a second before it does.
      "heartbeat-interval": "10",
      "election-timeout": "50",
      "quota-backend-bytes": String(ETCD_QUOTA),
      "log-level": "warn",
    },
    flags,
  );

/** What the arguments of the API server depend on. */
export interface ApiServerSetting {
  readonly state: string;
  readonly pki: Pki;
  readonly port: number;
  /** Of a real node, where there is one. */
  readonly addresses: AddressPlan | undefined;
  /** Client certificate for requests to kubelet. */
  readonly kubeletClient: { readonly certFile: string; readonly keyFile: string } | undefined;
}

/** Files of the audit log, in the state folder. */
export const AUDIT_LOG = "audit.log";
export const AUDIT_POLICY = "audit-policy.yaml";

/** Arguments of kube-apiserver. */
export const apiServerArgs = (plan: ClusterPlan, setting: ApiServerSetting): string[] => {
  const { state, pki, port } = setting;
  return renderFlags(
    {
      "bind-address": "127.0.0.1",
      "advertise-address": "127.0.0.1",
      "secure-port": String(port),
      // The endpoint of the Service `kubernetes` may not be a loopback address: there is nothing to reconcile.
      "endpoint-reconciler-type": "none",
      // Relative to the state folder, in which it runs.
      "etcd-servers": `unix://${ETCD_SOCKET}`,
      "cert-dir": join(state, "pki"),
      "tls-cert-file": pki.file("apiserver.crt"),
      "tls-private-key-file": pki.file("apiserver.key"),
      "client-ca-file": pki.file("ca.crt"),
      "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
      "service-account-key-file": pki.file("service-accounts.pub"),
      "service-account-signing-key-file": pki.file("service-accounts.key"),
      "authorization-mode": "RBAC",
      "service-cluster-ip-range": SERVICE_CIDR,
      "allow-privileged": "true",
      "disable-admission-plugins": unservedAdmission(plan),
    },
    plan.audit
      ? {
          "audit-log-path": join(state, AUDIT_LOG),
          "audit-policy-file": join(state, AUDIT_POLICY),
          "audit-log-maxsize": "10000",
        }
      : {},
    realNodeFlags(setting),
    gates(plan),
    plan.apiServerFlags ?? {},
  );
};

/** Containers reach the API server at this end of the node's link, by the Service `kubernetes` too. */
const realNodeFlags = ({ addresses, kubeletClient }: ApiServerSetting): Flags => {
  if (!addresses || !kubeletClient) return {};
  return {
    "bind-address": addresses.host,
    "advertise-address": addresses.host,
    "endpoint-reconciler-type": null,
    "service-cluster-ip-range": perFamily(addresses, ({ services }) => services),
    "authorization-mode": "Node,RBAC",
    "kubelet-client-certificate": kubeletClient.certFile,
    "kubelet-client-key": kubeletClient.keyFile,
    // Nobody resolves the node's name.
    "kubelet-preferred-address-types": "InternalIP",
  };
};

/** Plugins that wait for what only the controller manager does: make ServiceAccounts, and lift the taint of a new node. */
const unservedAdmission = (plan: ClusterPlan): string | null =>
  plan.controllerManager ? null : "ServiceAccount,TaintNodesByCondition";

/** Arguments of kube-controller-manager. */
export const controllerManagerArgs = (plan: ClusterPlan, pki: Pki, kubeconfig: string): string[] =>
  renderFlags(
    {
      kubeconfig,
      // It makes this folder; the default is one of the machine's.
      "flex-volume-plugin-dir": join(dirname(kubeconfig), "flex-volume-plugins"),
      "leader-elect": "false",
      "secure-port": "0",
      "use-service-account-credentials": "true",
      "service-account-private-key-file": pki.file("service-accounts.key"),
      "root-ca-file": pki.file("ca.crt"),
      ...UNTHROTTLED,
    },
    gates(plan),
    plan.controllerManagerFlags ?? {},
  );

/** Arguments of kube-scheduler. */
export const schedulerArgs = (plan: ClusterPlan, kubeconfig: string): string[] =>
  renderFlags(
    { kubeconfig, "leader-elect": "false", "secure-port": "0", ...UNTHROTTLED },
    gates(plan),
    plan.schedulerFlags ?? {},
  );

/** Arguments of kwok. `stages` is its configuration file. */
export const kwokArgs = (stages: string, kubeconfig: string): string[] =>
  renderFlags({
    kubeconfig,
    config: stages,
    cidr: POD_CIDR,
    "node-ip": "127.0.0.1",
    "manage-all-nodes": "false",
    "manage-nodes-with-annotation-selector": `${SIMULATED_NODE.key}=${SIMULATED_NODE.value}`,
  });

const gates = ({ featureGates = {} }: ClusterPlan): Flags => {
  const pairs = Object.entries(featureGates).map(([name, enabled]) => `${name}=${enabled}`);
  return pairs.length === 0 ? {} : { "feature-gates": pairs.join(",") };
};
