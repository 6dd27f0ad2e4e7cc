import { readFileSync } from "node:fs";
import type { AdminClient, RequestOptions } from "./admin-client.ts";
import { logToStderr, resolveAssets } from "./assets.ts";
import { type AuditEvent, readAuditEvents, writeAuditPolicy } from "./audit.ts";
import type { BinaryPaths } from "./binaries.ts";
import { ControlPlane } from "./control-plane.ts";
import { type KeeperClient, spawnKeeper } from "./keeper-client.ts";
import { type KubectlOptions, type KubectlResult, runKubectl } from "./kubectl.ts";
import { binariesOf, type ClusterOptions, type ClusterPlan, type Component, planCluster } from "./options.ts";
import { Pki, type User, type UserCredentials } from "./pki.ts";
import type { Pids } from "./protocol.ts";
import type { Images } from "./real-node/images.ts";
import { whyNoRealNode } from "./real-node/packages.ts";
import { type NodeAccess, RealNode } from "./real-node/real-node.ts";
import { countRequests, type RequestFilter } from "./request-counts.ts";
import { settle } from "./settle.ts";
import { createState, discardState, stateRoot, sweepStates } from "./state.ts";

/** A running cluster. It ends with `stop()`, with `await using`, or with the process that started it. */
export interface Cluster extends AsyncDisposable {
  /** `https://127.0.0.1:PORT`; with a real node the address of this machine's end of its link. */
  readonly server: string;
  /** Path of the admin's kubeconfig. */
  readonly kubeconfig: string;
  readonly kubeconfigYaml: string;
  readonly caPem: string;
  /** Certificate of the admin. */
  readonly certPem: string;
  readonly keyPem: string;
  /** The state folder: logs, keys, data. */
  readonly stateDir: string;
  /** A small client with all rights. */
  readonly client: AdminClient;
  /** `client.request`, for short. */
  request<T = unknown>(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<T>;
  /** Makes a client certificate. The user has the rights that RBAC objects give, none at first. */
  addUser(user: User): Promise<UserCredentials>;
  /** Runs the kubectl of this cluster against it. Ends with the cluster, with exit code 1. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<KubectlResult>;
  /** Starts a component that was killed, at the same address with the same data; resolves when it answers. */
  start(component: Component): Promise<void>;
  /** Sends a signal, default SIGKILL; resolves when the component has ended, for SIGSTOP and SIGCONT at once. */
  kill(component: Component, signal?: NodeJS.Signals): Promise<void>;
  /**
   * Ends a component and starts it again. SIGKILL by default: etcd takes five seconds for a graceful end, and an API
   * server with open watches a minute.
   */
  restart(component: Component, signal?: NodeJS.Signals): Promise<void>;
  /** Pids of the components that run, by name. */
  pids(): Promise<Pids>;
  /** Pid of the process that runs them. */
  readonly keeperPid: number | undefined;
  /** How many requests the API server has answered since its start. Long-running ones count when they end. */
  requestCounts(filter?: RequestFilter): Promise<number>;
  /**
   * Asks etcd behind the API server's back, by its JSON gateway: `("/v3/kv/range", { key: BASE64 })`. The type is the
   * caller's claim. @throws with what etcd said for every status from 400 on.
   */
  requestEtcd<T = unknown>(path: string, body: unknown): Promise<T>;
  /** What the audit log has. @throws unless the cluster was started with `audit: true`. */
  auditEvents(): Promise<AuditEvent[]>;
  /** Ends all processes and removes the state folder. Again: nothing. */
  stop(): Promise<void>;
}

/** A cluster with a real node. */
export interface RealCluster extends Cluster {
  /** The images that containers can use. */
  readonly images: Images;
  /** The node: its addresses, its cgroup, and a way into its namespaces. */
  readonly node: NodeAccess;
}

interface StartCluster {
  (options: ClusterOptions & { readonly node: "real" }): Promise<RealCluster>;
  (options?: ClusterOptions): Promise<Cluster>;
}

/**
 * Starts a cluster: etcd and kube-apiserver, kube-controller-manager unless told otherwise, kube-scheduler and
 * simulated nodes when there are `nodes`. When it resolves, Pods can be created in `default` and scheduled.
 *
 * @throws when a program is missing or a component does not come up, with the end of its log. Nothing is left then.
 * @example
 * await using cluster = await startCluster({ nodes: 1 });
 * await cluster.kubectl(["apply", "-f", "examples/"]);
 */
export const startCluster: StartCluster = async (options: ClusterOptions = {}): Promise<RealCluster> => {
  const plan = planCluster(options);
  checkGround(plan);
  const binaries = await resolveAssets(binariesOf(plan), { ...plan, log: plan.log ?? logToStderr });
  const root = stateRoot(plan.stateDir);
  await sweepStates(root);
  const state = await createState(root);
  return bringUp({ plan, binaries, state, keeper: spawnKeeper(state) });
};

/** @throws what is missing for the plan on this machine. */
export const checkGround = (plan: ClusterPlan): void => {
  const reason = plan.node === "real" ? whyNoRealNode() : undefined;
  if (reason) throw new Error(reason);
};

/** What is there before the first component starts. */
export interface Ground {
  readonly plan: ClusterPlan;
  readonly binaries: BinaryPaths;
  readonly state: string;
  readonly keeper: KeeperClient;
}

/** Starts the components under a keeper, and leaves nothing when that fails. */
export const bringUp = async ({ plan, binaries, state, keeper }: Ground): Promise<RealCluster> => {
  // What is still under way when something else fails ends with it.
  const failed = new AbortController();
  const signal = plan.signal ? AbortSignal.any([plan.signal, failed.signal]) : failed.signal;
  let controlPlane: ControlPlane | undefined;
  try {
    const limits = { timeout: plan.startTimeout, signal };
    const node = plan.node === "real" ? await RealNode.create({ state, keeper, limits, log: plan.log }) : undefined;
    const pki = await Pki.create(state, node && [node.addresses.host, node.addresses.kubernetesService]);
    if (plan.audit) writeAuditPolicy(state);
    controlPlane = new ControlPlane({ plan: { ...plan, signal }, state, keeper, binaries, pki, node });
    await controlPlane.startAll();
    await Promise.all([settle({ ...plan, signal }, controlPlane), node?.images.buildPause(signal)]);
    return new RunningCluster({ plan, binaries, state, keeper, pki, controlPlane, node });
  } catch (error) {
    failed.abort(error);
    await Promise.all([controlPlane?.close(), endKeeper(keeper, state)]);
    throw error;
  }
};

/** Through the keeper; where that is gone, the owner cleans up itself. */
const endKeeper = async (keeper: KeeperClient, state: string): Promise<void> => {
  await keeper.stop().catch(() => discardState(state));
};

interface Parts extends Ground {
  readonly pki: Pki;
  readonly controlPlane: ControlPlane;
  readonly node: RealNode | undefined;
}

class RunningCluster implements RealCluster {
  readonly #parts: Parts;
  #stopped: Promise<void> | undefined;
  readonly #stopping = new AbortController();
  readonly server: string;
  readonly kubeconfig: string;
  readonly kubeconfigYaml: string;
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
  readonly stateDir: string;
  readonly client: AdminClient;
  readonly keeperPid: number | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { controlPlane, pki, state, keeper } = parts;
    this.server = controlPlane.server;
    this.client = controlPlane.client;
    this.kubeconfig = controlPlane.kubeconfig;
    this.kubeconfigYaml = readFileSync(this.kubeconfig, "utf8");
    this.caPem = pki.caPem;
    this.certPem = controlPlane.admin.certPem;
    this.keyPem = controlPlane.admin.keyPem;
    this.stateDir = state;
    this.keeperPid = keeper.pid;
  }

  get images(): Images {
    return this.node.images;
  }

  get node(): RealNode {
    const { node } = this.#parts;
    if (!node) throw new Error('the cluster has no real node: start it with node: "real"');
    return node;
  }

  request<T = unknown>(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<T> {
    return this.client.request<T>(method, path, body, options);
  }

  addUser(user: User): Promise<UserCredentials> {
    return this.#parts.pki.issue(user, this.server);
  }

  kubectl(args: readonly string[], options?: KubectlOptions): Promise<KubectlResult> {
    const { binaries, state } = this.#parts;
    const { signal: stopped } = this.#stopping;
    const kubectl = { binary: binaries.kubectl ?? "kubectl", state, kubeconfig: this.kubeconfig, stopped };
    return runKubectl(kubectl, args, options);
  }

  start(component: Component): Promise<void> {
    return this.#parts.controlPlane.start(component);
  }

  kill(component: Component, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    return this.#parts.controlPlane.kill(component, signal);
  }

  async restart(component: Component, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await this.kill(component, signal);
    await this.start(component);
  }

  pids(): Promise<Pids> {
    return this.#parts.controlPlane.pids();
  }

  async requestCounts(filter?: RequestFilter): Promise<number> {
    return countRequests(await this.client.text("GET", "/metrics"), filter);
  }

  async requestEtcd<T = unknown>(path: string, body: unknown): Promise<T> {
    return JSON.parse(await this.#parts.controlPlane.etcd.text(path, body)) as T;
  }

  auditEvents(): Promise<AuditEvent[]> {
    if (!this.#parts.plan.audit) throw new Error("the cluster writes no audit log: start it with audit: true");
    return readAuditEvents(this.#parts.state, this.client);
  }

  stop(): Promise<void> {
    const { controlPlane, keeper, state } = this.#parts;
    this.#stopping.abort();
    this.#stopped ??= Promise.all([controlPlane.close(), endKeeper(keeper, state)]).then(() => {});
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
