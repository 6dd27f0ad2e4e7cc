import { type AuditEvent, type Cluster, type FaultProxy, startCluster, startFaultProxy } from "@pcmc/devcluster";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { committedDefinition, type Definition, install } from "./definition.ts";
import { fixedConfig, type ManagerWish, RunningManager } from "./manager.ts";
import { Namespace } from "./namespace.ts";

export interface WorldOptions {
  /** Garbage collection and the end of namespaces. Default true. */
  readonly controllerManager?: boolean;
  /** For `World.writes`. Default false. */
  readonly audit?: boolean;
  /** Default: the committed one. */
  readonly definition?: () => Definition;
}

const WRITES = new Set(["create", "update", "patch", "delete", "deletecollection"]);

/** The cluster of a test file, with a namespace and a manager for each test. */
export class World {
  readonly #managers: RunningManager[] = [];
  readonly #proxies: FaultProxy[] = [];
  #cluster: Cluster | undefined;
  #namespaces = 0;

  get cluster(): Cluster {
    if (this.#cluster === undefined) throw new Error("the cluster runs only during tests");
    return this.#cluster;
  }

  /** A new namespace, ready for Pods. */
  async namespace(): Promise<Namespace> {
    const name = `test-${++this.#namespaces}`;
    await this.cluster.request("POST", "/api/v1/namespaces", { metadata: { name } });
    // Pods need it; kube-controller-manager makes it too, but later.
    await this.cluster
      .request("POST", `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: "default" } })
      .catch(() => {});
    return new Namespace(this.cluster, name);
  }

  /** A manager of one namespace; stopped at the end of the test. */
  manage({ name }: Namespace, wish: Omit<ManagerWish, "namespaces"> = {}): RunningManager {
    return this.manageAll({ ...wish, namespaces: [name] });
  }

  /** A manager of all namespaces, unless `wish` says otherwise. */
  manageAll(wish: ManagerWish = {}): RunningManager {
    return this.keep(new RunningManager(fixedConfig(this.cluster), wish));
  }

  /** A manager of one namespace that reaches the API server through a proxy. */
  manageThrough({ server, caPem }: FaultProxy, { name }: Namespace, wish: ManagerWish = {}): RunningManager {
    return this.keep(new RunningManager(fixedConfig({ server, caPem }), { namespaces: [name], ...wish }));
  }

  /** Sees to it that a manager ends with the test. */
  keep(manager: RunningManager): RunningManager {
    this.#managers.push(manager);
    return manager;
  }

  /** A proxy before the API server; ends with the test. */
  async proxy(options: { readonly presentCertificate?: boolean } = {}): Promise<FaultProxy> {
    const proxy = await startFaultProxy({ target: this.cluster, ...options });
    this.#proxies.push(proxy);
    return proxy;
  }

  /** All writes of a manager so far but for its Events, as the API server's audit log has them. */
  async writes({ userAgent }: RunningManager): Promise<AuditEvent[]> {
    const events = await this.cluster.auditEvents();
    return events.filter(
      (event) => event.userAgent === userAgent && WRITES.has(event.verb) && event.objectRef?.resource !== "events",
    );
  }

  async start({ controllerManager = true, audit = false, definition = committedDefinition }: WorldOptions) {
    this.#cluster = await startCluster({ controllerManager, audit });
    await install(this.#cluster, definition());
  }

  /** Ends what the test left running. @returns the log lines that no test may cause. */
  async endTest(): Promise<{ readonly errors: readonly string[]; readonly lines: readonly string[] }> {
    const managers = this.#managers.splice(0);
    await Promise.all(managers.map((manager) => manager.stop()));
    await Promise.all(this.#proxies.splice(0).map((proxy) => proxy.stop()));
    return {
      errors: managers.flatMap((manager) => manager.linesOf("error")),
      lines: managers.flatMap(({ lines }) => lines),
    };
  }

  async stop(): Promise<void> {
    await this.#cluster?.stop();
  }
}

/**
 * Gives a test file its world. After each test its managers are stopped, and none may have logged an error: a panic that the
 * backoff makes good is a bug all the same.
 */
export const useWorld = (options: WorldOptions = {}): World => {
  const world = new World();
  beforeAll(() => world.start(options));
  afterEach(async ({ task }) => {
    const { errors, lines } = await world.endTest();
    if (task.result?.state === "fail") process.stderr.write(`log of "${task.name}":\n${lines.slice(-100).join("")}`);
    expect(errors).toEqual([]);
  });
  afterAll(() => world.stop());
  return world;
};
