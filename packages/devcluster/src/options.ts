import type { Binary } from "./binaries.ts";
import type { Flags } from "./flags.ts";

/** What a cluster consists of. */
export type Component =
  | "etcd"
  | "kube-apiserver"
  | "kube-controller-manager"
  | "kube-scheduler"
  | "kwok"
  | NodeComponent;

/** The programs of a real node. */
const NODE_COMPONENTS = ["containerd", "kubelet", "kube-proxy"] as const;

/** The name of a program of a real node. */
export type NodeComponent = (typeof NODE_COMPONENTS)[number];

/** Whether a component runs on the real node. */
export const isNodeComponent = (component: Component): component is NodeComponent =>
  (NODE_COMPONENTS as readonly Component[]).includes(component);

/** What `startCluster` can be told. */
export interface ClusterOptions {
  /**
   * Kubernetes version, `1.36` or exact. Default: `KUBERNETES_VERSION` of the environment, else the newest known here.
   * With `KUBEBUILDER_ASSETS` what is in there runs, and a version that is asked for must be that one.
   */
  readonly version?: string | undefined;
  /** How many nodes. Default 0: Pods can be created, and stay Pending. A real node is always one. */
  readonly nodes?: number | undefined;
  /**
   * What the nodes are. `simulated` (default): kwok plays their kubelets, no container runs. `real`: containers under
   * a kubelet; Linux, root and some Debian packages, see `whyNoRealNode()`.
   */
  readonly node?: "simulated" | "real" | undefined;
  /**
   * Runs kube-controller-manager: garbage collection, workloads, the default ServiceAccount. Default true. Without it
   * the start is faster, admission does not ask for a ServiceAccount, and what is owned outlives its owner.
   */
  readonly controllerManager?: boolean | undefined;
  /** Runs kube-scheduler. Default true when there are nodes. Without it only Pods with `spec.nodeName` get to one. */
  readonly scheduler?: boolean | undefined;
  /** Flags for kube-apiserver, replacing the defaults of the same name; null removes one. */
  readonly apiServerFlags?: Flags | undefined;
  /** The same for etcd. */
  readonly etcdFlags?: Flags | undefined;
  /** The same for kube-controller-manager. */
  readonly controllerManagerFlags?: Flags | undefined;
  /** The same for kube-scheduler. */
  readonly schedulerFlags?: Flags | undefined;
  /** Kubernetes feature gates, for API server, controller manager and scheduler alike. */
  readonly featureGates?: Readonly<Record<string, boolean>> | undefined;
  /** Writes an audit log at level Metadata, read by `auditEvents()`. Default false: it costs each request a line. */
  readonly audit?: boolean | undefined;
  /** Folder in which the cluster makes its own, which it removes at the end. Default: `os.tmpdir()`. */
  readonly stateDir?: string | undefined;
  /** Gets one line per thing that takes long, such as a build. Default: standard error. */
  readonly log?: ((line: string) => void) | undefined;
  /** How long a component may take to become ready, in milliseconds. Default 60,000. */
  readonly startTimeout?: number | undefined;
  /** Ends the start; what was begun is cleaned up. A cluster that has started is ended by `stop()`. */
  readonly signal?: AbortSignal | undefined;
}

/** The options with their defaults. */
export interface ClusterPlan extends ClusterOptions {
  readonly node: "simulated" | "real";
  readonly nodes: number;
  readonly controllerManager: boolean;
  readonly scheduler: boolean;
  readonly audit: boolean;
  readonly startTimeout: number;
}

/** Fills in the defaults. @throws an error of one line for what makes no sense. */
export const planCluster = (options: ClusterOptions): ClusterPlan => {
  const node = options.node ?? "simulated";
  const nodes = options.nodes ?? (node === "real" ? 1 : 0);
  if (!Number.isInteger(nodes) || nodes < 0) throw new Error(`nodes must be a whole number from 0 on, not ${nodes}`);
  const controllerManager = options.controllerManager ?? true;
  if (node === "real" && (nodes !== 1 || !controllerManager)) {
    throw new Error('node: "real" is one node, and needs the controller manager');
  }
  return {
    ...options,
    node,
    nodes,
    controllerManager,
    scheduler: options.scheduler ?? nodes > 0,
    audit: options.audit ?? false,
    startTimeout: options.startTimeout ?? 60_000,
  };
};

/** The components of a plan, in the order of their start. */
export const componentsOf = (plan: ClusterPlan): Component[] => {
  const components: Component[] = ["etcd", "kube-apiserver"];
  if (plan.controllerManager) components.push("kube-controller-manager");
  if (plan.scheduler) components.push("kube-scheduler");
  if (plan.node === "real") components.push(...NODE_COMPONENTS);
  else if (plan.nodes > 0) components.push("kwok");
  return components;
};

/** The programs of a plan. containerd is the machine's own. */
export const binariesOf = (plan: ClusterPlan): Binary[] => [
  ...componentsOf(plan).filter((component) => component !== "containerd"),
  "kubectl",
];
