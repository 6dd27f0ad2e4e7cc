import { type AuditEvent, type Cluster, startCluster } from "@pcmc/devcluster";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { eventually } from "../../integration/support/eventually.ts";
import { fixedConfig } from "../../integration/support/manager.ts";
import { type ReaderWish, RunningReader } from "./running-reader.ts";
import { Shop } from "./shop.ts";

export interface SceneOptions {
  /** Whether workloads are carried out, on a simulated node, and garbage is collected. */
  readonly workloads: boolean;
}

const WRITES = new Set(["create", "update", "patch", "delete"]);

/** The cluster of a test file, with a namespace and a controller for each test. */
export class Scene {
  readonly #readers: RunningReader[] = [];
  #cluster: Cluster | undefined;
  #namespaces = 0;

  get cluster(): Cluster {
    if (this.#cluster === undefined) throw new Error("the cluster runs only during tests");
    return this.#cluster;
  }

  /** A new namespace, ready for Pods. */
  async shop(): Promise<Shop> {
    const name = `shop-${++this.#namespaces}`;
    await this.cluster.request("POST", "/api/v1/namespaces", { metadata: { name } });
    // Pods need it; kube-controller-manager makes it too, but later.
    await this.cluster
      .request("POST", `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: "default" } })
      .catch(() => {});
    return new Shop(this.cluster, name);
  }

  /** A controller of one namespace; stopped at the end of the test. */
  async read({ name }: Shop, wish: Omit<ReaderWish, "namespaces"> = {}): Promise<RunningReader> {
    const reader = this.keep(new RunningReader(fixedConfig(this.cluster), { ...wish, namespaces: [name] }));
    await reader.ready();
    return reader;
  }

  /** Sees to it that a controller ends with the test. */
  keep(reader: RunningReader): RunningReader {
    this.#readers.push(reader);
    return reader;
  }

  /** What a controller has written so far, but for its Events, as the API server's audit log has it; refused ones too. */
  async writes({ userAgent }: RunningReader): Promise<AuditEvent[]> {
    const events = await this.cluster.auditEvents();
    return events.filter(
      (event) => event.userAgent === userAgent && WRITES.has(event.verb) && event.objectRef?.resource !== "events",
    );
  }

  /** Waits until a controller that has been stopped and started again has looked at everything, `keys` Deployments. */
  async settled(reader: RunningReader, keys: number): Promise<void> {
    await eventually(`${keys} reconciles have ended`, async () => (await reader.reconciles()) >= keys);
  }

  async start({ workloads }: SceneOptions): Promise<void> {
    this.#cluster = await startCluster({ controllerManager: workloads, nodes: workloads ? 1 : 0, audit: true });
  }

  /** Ends what the test left running. @returns the log lines that no test may cause. */
  async endTest(): Promise<{ readonly errors: readonly string[]; readonly lines: readonly string[] }> {
    const readers = this.#readers.splice(0);
    await Promise.all(readers.map((reader) => reader.stop()));
    return {
      errors: readers.flatMap((reader) => reader.linesOf("error")),
      lines: readers.flatMap(({ lines }) => lines),
    };
  }

  async stop(): Promise<void> {
    await this.#cluster?.stop();
  }
}

/** Gives a test file its scene. After each test its controllers are stopped, and none may have logged an error. */
export const useScene = (options: SceneOptions): Scene => {
  const scene = new Scene();
  beforeAll(() => scene.start(options));
  afterEach(async ({ task }) => {
    const { errors, lines } = await scene.endTest();
    if (task.result?.state === "fail") process.stderr.write(`log of "${task.name}":\n${lines.slice(-60).join("")}`);
    expect(errors).toEqual([]);
  });
  afterAll(() => scene.stop());
  return scene;
};
