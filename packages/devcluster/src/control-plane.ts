import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AdminClient } from "./admin-client.ts";
import type { BinaryPaths } from "./binaries.ts";
import { apiServerArgs, controllerManagerArgs, etcdArgs, kwokArgs, schedulerArgs } from "./components.ts";
import { EtcdClient } from "./etcd-client.ts";
import type { KeeperClient } from "./keeper-client.ts";
import { endOfLog, logFile } from "./logs.ts";
import { type ClusterPlan, type Component, componentsOf, isNodeComponent, type NodeComponent } from "./options.ts";
import { ADMIN, type Pki, type User, type UserCredentials } from "./pki.ts";
import { poll } from "./poll.ts";
import { freePort } from "./ports.ts";
import type { Pids, ProcessSpec } from "./protocol.ts";
import { findProgram } from "./real-node/packages.ts";
import { NODE_USERS, type RealNode } from "./real-node/real-node.ts";

/** How often another may win the race for a port before the start fails. */
const PORT_ATTEMPTS = 5;

/** An API server that is asked to end waits a minute for its open watches. Milliseconds. */
const EXIT_TIMEOUT = 90_000;

const stagesFile = fileURLToPath(new URL("../kwok/stages.yaml", import.meta.url));

/** Where the admin's kubeconfig is in a state folder. */
export const adminKubeconfig = (state: string): string => join(state, "kubeconfig");

/** Who each component is to the API server: its own rights, and its own name in the audit log. */
const USERS = {
  "kube-controller-manager": { name: "system:kube-controller-manager" },
  "kube-scheduler": { name: "system:kube-scheduler" },
  kwok: { name: "kwok", groups: ["system:masters"] },
  ...NODE_USERS,
} as const satisfies Partial<Record<Component, User>>;

/** Who the API server is to kubelet, which asks it back whether that is allowed. */
const KUBELET_CLIENT: User = { name: "kube-apiserver-kubelet-client", groups: ["system:masters"] };

/** What a control plane is made of. */
export interface ControlPlaneParts {
  readonly plan: ClusterPlan;
  readonly state: string;
  readonly keeper: KeeperClient;
  readonly binaries: BinaryPaths;
  readonly pki: Pki;
  /** The real node of the cluster. */
  readonly node: RealNode | undefined;
}

/** The components of one cluster: starts each with its flags on its port, and knows when it is ready. */
export class ControlPlane {
  readonly #parts: ControlPlaneParts;
  /** Chosen once, so that an API server that is started again is found where it was. */
  #port: number | undefined;
  readonly #credentials = new Map<keyof typeof USERS, UserCredentials>();
  #admin: UserCredentials | undefined;
  #client: AdminClient | undefined;
  #kubeletClient: { certFile: string; keyFile: string } | undefined;

  /** A client of etcd. */
  readonly etcd: EtcdClient;

  constructor(parts: ControlPlaneParts) {
    this.#parts = parts;
    this.etcd = new EtcdClient(parts.state);
  }

  /** Starts everything that the plan names, in order. */
  async startAll(): Promise<void> {
    const { node, pki } = this.#parts;
    if (node) this.#kubeletClient = await pki.issueFiles(KUBELET_CLIENT, "kubelet-client");
    for (const component of componentsOf(this.#parts.plan)) {
      if (component === "containerd") await this.#configureNode();
      if (component === "kube-apiserver") await this.#startOnFreePort(component);
      else await this.start(component);
    }
  }

  /** Starts a component where it was before, and waits until it answers. */
  async start(component: Component): Promise<void> {
    await this.#parts.keeper.start(await this.#process(component));
    await this.#ready(component);
  }

  async #process(component: Component): Promise<ProcessSpec> {
    const { state, binaries, node } = this.#parts;
    const command = component === "containerd" ? findProgram(component) : binaries[component];
    if (!command) throw new Error(`${component} is no part of this cluster`);
    if (isNodeComponent(component)) {
      if (!node) throw new Error(`${component} runs on a real node only`);
      const kubeconfig = component === "containerd" ? "" : (await this.#credentialsOf(component)).kubeconfig;
      return node.processOf(component, { command, kubeconfig });
    }
    return { name: component, command, args: await this.#args(component), log: logFile(state, component) };
  }

  /** Writes the configuration of the real node's programs, which need to know where the API server is. */
  async #configureNode(): Promise<void> {
    const { node, pki } = this.#parts;
    node?.configure(pki, (await this.#credentialsOf("kube-proxy")).kubeconfig);
  }

  /**
   * Sends a signal, and waits for the end of the process.
   *
   * @param signal - SIGSTOP and SIGCONT end nothing, and are not waited for.
   */
  async kill(component: Component, signal: NodeJS.Signals): Promise<void> {
    const { keeper } = this.#parts;
    await keeper.signal(component, signal);
    if (signal === "SIGSTOP" || signal === "SIGCONT") return;
    await poll(async () => keeper.exitOf(component), {
      timeout: EXIT_TIMEOUT,
      interval: 10,
      what: `${component} ends`,
    });
  }

  /** @throws with the end of its log when a component that was started has ended. */
  throwIfEnded(component: Component): void {
    const { keeper, state } = this.#parts;
    const exit = keeper.exitOf(component);
    if (!exit) return;
    const how = exit.signal ?? `exit code ${exit.code}`;
    throw new Error(`${component} ended (${how}):\n${endOfLog(state, component)}`);
  }

  /** The ends of the logs of components: for an error that says what did not come of them. */
  endOfLogs(...components: readonly Component[]): string {
    return components.map((one) => `the end of ${one}.log:\n${endOfLog(this.#parts.state, one)}`).join("\n");
  }

  /** Pids of what runs. */
  pids(): Promise<Pids> {
    return this.#parts.keeper.pids();
  }

  /** Closes the clients. */
  async close(): Promise<void> {
    await Promise.all([this.#client?.close(), this.etcd.close()]);
  }

  /** Address of the API server. */
  get server(): string {
    return `https://${this.#host}:${this.#apiServerPort}`;
  }

  /** Path of the admin's kubeconfig. */
  get kubeconfig(): string {
    return adminKubeconfig(this.#parts.state);
  }

  /** A client with all rights. */
  get client(): AdminClient {
    if (!this.#client) throw new Error("the API server was never started");
    return this.#client;
  }

  /** The credentials with all rights. */
  get admin(): UserCredentials {
    if (!this.#admin) throw new Error("the API server was never started");
    return this.#admin;
  }

  get #host(): string {
    return this.#parts.node?.addresses.host ?? "127.0.0.1";
  }

  get #apiServerPort(): number {
    if (this.#port === undefined) throw new Error("the API server was never started");
    return this.#port;
  }

  async #startOnFreePort(component: "kube-apiserver"): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#port = await freePort(Math.random, this.#host);
      await this.#connect();
      try {
        await this.start(component);
        return;
      } catch (error) {
        const lostRace = error instanceof Error && error.message.includes("address already in use");
        if (!lostRace || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  async #connect(): Promise<void> {
    const { pki } = this.#parts;
    await this.#client?.close();
    this.#admin = await pki.issue(ADMIN, this.server);
    copyFileSync(this.#admin.kubeconfig, this.kubeconfig);
    this.#client = new AdminClient({ server: this.server, caPem: pki.caPem, ...this.#admin });
  }

  async #args(component: Exclude<Component, NodeComponent>): Promise<string[]> {
    const { plan, pki, state, node } = this.#parts;
    if (component === "etcd") return etcdArgs(state, plan.etcdFlags);
    if (component === "kube-apiserver") {
      return apiServerArgs(plan, {
        state,
        pki,
        port: this.#apiServerPort,
        addresses: node?.addresses,
        kubeletClient: this.#kubeletClient,
      });
    }
    const { kubeconfig } = await this.#credentialsOf(component);
    if (component === "kube-controller-manager") return controllerManagerArgs(plan, pki, kubeconfig);
    if (component === "kube-scheduler") return schedulerArgs(plan, kubeconfig);
    return kwokArgs(stagesFile, kubeconfig);
  }

  async #credentialsOf(component: keyof typeof USERS): Promise<UserCredentials> {
    const known = this.#credentials.get(component);
    if (known) return known;
    const issued = await this.#parts.pki.issue(USERS[component], this.server);
    this.#credentials.set(component, issued);
    return issued;
  }

  async #ready(component: Component): Promise<void> {
    const { plan } = this.#parts;
    const probe = this.#probe(component);
    await poll(async () => ((await probe()) ? true : undefined), {
      timeout: plan.startTimeout,
      what: `${component} is ready`,
      explain: () => this.endOfLogs(component),
      signal: plan.signal,
      check: () => this.throwIfEnded(component),
    });
  }

  /** The others serve nothing: they are ready when what they do first is done, see settle.ts. */
  #probe(component: Component): () => Promise<boolean> {
    if (component === "etcd") return () => answers(this.etcd.text("/health"));
    if (component === "kube-apiserver") return () => answers(this.client.text("GET", "/readyz"));
    const { node } = this.#parts;
    return async () => !node || !isNodeComponent(component) || node.isReady(component);
  }
}

const answers = (request: Promise<unknown>): Promise<boolean> =>
  request.then(
    () => true,
    () => false,
  );
