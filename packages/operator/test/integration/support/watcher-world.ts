import { readFileSync } from "node:fs";
import {
  Cache,
  Client,
  controllerMetrics,
  createLogger,
  EventRecorder,
  Manager,
  registerWorkQueueMetrics,
} from "@pcmc/controller-runtime";
import { type AuditEvent, type Cluster, type ClusterOptions, startCluster } from "@pcmc/devcluster";
import type { Deployment } from "kubernetes-types/apps/v1.d.ts";
import type { ConfigMap, Container, Pod } from "kubernetes-types/core/v1.d.ts";
import { Registry } from "prom-client";
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { parse } from "yaml";
import type { Condition } from "../../../src/api/conditions.ts";
import type { Watcher } from "../../../src/api/watcher.ts";
import { operatorMetrics } from "../../../src/metrics/operator-metrics.ts";
import { reconcileObserver } from "../../../src/metrics/reconcile-observer.ts";
import { watcherMetrics } from "../../../src/metrics/watcher-metrics.ts";
import { watcherControllers } from "../../../src/watcher/controllers.ts";
import { eventually } from "./eventually.ts";
import { type Access, fixedConfig } from "./manager.ts";
import { type Held, MERGE, NamespaceClient } from "./namespace-client.ts";
import { runRecorded } from "./run-recorded.ts";

/** What the tests work with, by plural. */
export interface Kinds {
  readonly pods: Pod;
  readonly configmaps: ConfigMap;
  readonly watchers: Watcher;
  readonly deployments: Deployment;
  readonly events: {
    readonly metadata?: object;
    readonly reason?: string;
    readonly note?: string;
    readonly regarding?: { readonly name?: string; readonly kind?: string };
  };
}

const roots: Readonly<Record<keyof Kinds, string>> = {
  pods: "/api/v1",
  configmaps: "/api/v1",
  watchers: "/apis/watch.example.com/v1alpha1",
  deployments: "/apis/apps/v1",
  events: "/apis/events.k8s.io/v1",
};

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WRITES = new Set(["create", "update", "patch", "delete", "deletecollection"]);

/** The sidecar of most tests. */
export const sidecar: Container = { name: "log-agent", image: "example.com/log-agent:1" };

export interface ManagerWish {
  /** Absent = all. */
  readonly namespaces?: readonly string[];
  /** Default: the admin. */
  readonly access?: Access;
  readonly recheckPeriod?: number;
}

let started = 0;

/** The watcher controller with all that it stands on, in this process: as `pcmc manager` puts them together. No webhook. */
export class WatcherManager {
  readonly userAgent = `watcher-manager-${++started}/1`;
  /** Whole lines, in JSON. */
  readonly lines: string[] = [];
  readonly #stop = new AbortController();
  readonly #client: Client;
  readonly #ended: Promise<void>;

  constructor(access: Access, { namespaces, recheckPeriod = 500 }: ManagerWish) {
    const log = createLogger({
      level: "debug",
      format: "json",
      stream: { write: (line) => void this.lines.push(line) },
    });
    const registry = new Registry();
    const operator = operatorMetrics(registry);
    this.#client = new Client(fixedConfig(access), { userAgent: this.userAgent });
    const cache = new Cache({ client: this.#client, namespaces, log });
    const events = new EventRecorder({ client: this.#client, reportingController: "example.com/under-test", log });
    const controllers = watcherControllers({
      cache,
      events,
      log,
      metrics: watcherMetrics(registry, operator),
      observer: reconcileObserver(controllerMetrics(registry), operator),
      queueMetrics: registerWorkQueueMetrics(registry),
      maxRetries: 5,
      timeout: 30_000,
      resyncPeriod: 0,
      recheckPeriod,
      rolloutSettle: 200,
      ownNamespace: "ops",
      watchNamespaces: namespaces ?? [],
    });
    const manager = new Manager({ cache, led: () => controllers(this.#client), log, drainTimeout: 10_000 });
    const { signal: kill } = new AbortController();
    this.#ended = runRecorded(manager, events, { stop: this.#stop.signal, kill });
    this.#ended.catch(() => {});
  }

  /** Lines that say something went wrong. */
  get errors(): string[] {
    return this.lines.filter((line) => (JSON.parse(line) as { level?: unknown }).level === "error");
  }

  /** Stops and waits for the end; again: nothing. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error("the test stops the manager"));
    await this.#ended;
    await this.#client.close();
  }
}

/** One namespace of a cluster, worked on as its admin, past the manager. */
export class WatcherNamespace extends NamespaceClient<Kinds> {
  constructor(cluster: Cluster, name: string) {
    super(cluster, name, roots);
  }

  createWatcher(name: string, spec: object = {}): Promise<Held<Watcher>> {
    const type = { apiVersion: "watch.example.com/v1alpha1", kind: "Watcher" };
    return this.create("watchers", { ...type, metadata: { name }, spec: { container: sidecar, ...spec } });
  }

  /** Sets labels of the namespace itself; `null` takes one away. */
  async label(labels: Readonly<Record<string, string | null>>): Promise<void> {
    await this.cluster.request("PATCH", `/api/v1/namespaces/${this.name}`, { metadata: { labels } }, MERGE);
  }

  /** A Pod with annotations and labels, of `containers` besides its own. */
  createPod(
    name: string,
    { containers = [], ...metadata }: { containers?: Container[]; annotations?: object; labels?: object } = {},
  ): Promise<Held<Pod>> {
    const own = { name: "main", image: "example.com/never-pulled" };
    const spec = { containers: [own, ...containers] };
    return this.create("pods", { metadata: { name, ...(metadata as object) }, spec });
  }

  /** A Pod that has a Watcher as if the webhook had put it in. */
  createInjected(name: string, watcher: string, revision: string): Promise<Held<Pod>> {
    const envFrom = [{ configMapRef: { name: `${watcher}-config` } }];
    return this.createPod(name, {
      annotations: {
        "watch.example.com/inject": watcher,
        "watch.example.com/injected": watcher,
        "watch.example.com/injected-revision": `${watcher}=${revision}`,
      },
      containers: [{ ...sidecar, envFrom }],
    });
  }

  /** Waits until a condition of a Watcher is as `expected`, at its present generation. */
  condition(
    watcher: string,
    type: string,
    expected: Pick<Partial<Condition>, "status" | "reason">,
    deadline = 30_000,
  ): Promise<Condition> {
    const isExpected = ({ status, reason }: Condition) =>
      status === (expected.status ?? status) && reason === (expected.reason ?? reason);
    return eventually(
      `${type} of ${watcher} is ${JSON.stringify(expected)}`,
      async () => {
        const { status, metadata } = await this.get("watchers", watcher);
        const found = status?.conditions?.find((condition) => condition.type === type);
        const isPresent = found?.observedGeneration === metadata.generation;
        if (found !== undefined && isPresent && isExpected(found)) return found;
        throw new Error(`it is ${JSON.stringify(status)}`);
      },
      { deadline },
    );
  }

  ready(watcher: string): Promise<Condition> {
    return this.condition(watcher, "Ready", { status: "True" });
  }

  /** Waits until fields of a Watcher's status are as `expected`. */
  status(watcher: string, expected: object, deadline = 30_000): Promise<Held<Watcher>> {
    return eventually(
      `the status of ${watcher} is ${JSON.stringify(expected)}`,
      async () => {
        const held = await this.get("watchers", watcher);
        expect(held.status).toMatchObject(expected);
        return held;
      },
      { deadline },
    );
  }

  /** Reasons of the Events about an object, once there are `count` of them. */
  eventReasons(kind: string, name: string, count: number): Promise<(string | undefined)[]> {
    return eventually(`${count} Events about ${kind} ${name}`, async () => {
      const about = (await this.list("events")).filter(
        ({ regarding }) => regarding?.kind === kind && regarding.name === name,
      );
      if (about.length < count) throw new Error(JSON.stringify(about.map(({ reason }) => reason)));
      return about.map(({ reason }) => reason).sort();
    });
  }
}
/** The committed CustomResourceDefinition of Watchers. */
export const watcherDefinition = (): {
  spec: { versions: { schema: { openAPIV3Schema: { properties: Record<string, unknown> } } }[] };
} => parse(readFileSync(new URL("../../../../../crd/watcher_crd.yaml", import.meta.url), "utf8"));

/** The same with a spec that takes anything, as an older definition may have had it. */
export const laxWatcherDefinition = () => {
  const definition = watcherDefinition();
  for (const { schema } of definition.spec.versions) {
    schema.openAPIV3Schema.properties.spec = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  }
  return definition;
};

/** The cluster of a test file, with a namespace and a manager for each test. */
export class WatcherWorld {
  readonly #managers: WatcherManager[] = [];
  #cluster: Cluster | undefined;
  #namespaces = 0;

  get cluster(): Cluster {
    if (this.#cluster === undefined) throw new Error("the cluster runs only during tests");
    return this.#cluster;
  }

  async namespace(): Promise<WatcherNamespace> {
    const name = `watch-${++this.#namespaces}`;
    await this.cluster.request("POST", "/api/v1/namespaces", { metadata: { name } });
    await this.cluster
      .request("POST", `/api/v1/namespaces/${name}/serviceaccounts`, { metadata: { name: "default" } })
      .catch(() => {});
    return new WatcherNamespace(this.cluster, name);
  }

  /** A manager of one namespace, unless `wish` says otherwise; stopped at the end of the test. */
  manage({ name }: WatcherNamespace, wish: ManagerWish = {}): WatcherManager {
    const manager = new WatcherManager(wish.access ?? this.cluster, { namespaces: [name], ...wish });
    this.#managers.push(manager);
    return manager;
  }

  /** All writes of a manager so far but for its Events. */
  async writes({ userAgent }: WatcherManager): Promise<AuditEvent[]> {
    const events = await this.cluster.auditEvents();
    return events.filter(
      (event) => event.userAgent === userAgent && WRITES.has(event.verb) && event.objectRef?.resource !== "events",
    );
  }

  async start(options: ClusterOptions & { definition?: object }): Promise<void> {
    const { definition = watcherDefinition(), ...rest } = options;
    this.#cluster = await startCluster(rest);
    await this.cluster.request("POST", DEFINITIONS, definition);
    const path = `${roots.watchers}/watchers`;
    await eventually("the API server serves watchers", () => this.cluster.request("GET", path));
  }

  /** @returns the log lines that no test may cause, and all. */
  async endTest(): Promise<{ readonly errors: string[]; readonly lines: string[] }> {
    const managers = this.#managers.splice(0);
    await Promise.all(managers.map((manager) => manager.stop()));
    return { errors: managers.flatMap(({ errors }) => errors), lines: managers.flatMap(({ lines }) => lines) };
  }

  async stop(): Promise<void> {
    await this.#cluster?.stop();
  }
}

/** Gives a test file its world. No manager may log an error: a panic that the backoff makes good is a bug all the same. */
export const useWatcherWorld = (options: ClusterOptions & { definition?: object } = {}): WatcherWorld => {
  const world = new WatcherWorld();
  beforeAll(() => world.start(options));
  afterEach(async ({ task }) => {
    const { errors, lines } = await world.endTest();
    if (task.result?.state === "fail") process.stderr.write(`log of "${task.name}":\n${lines.slice(-60).join("")}`);
    expect(errors).toEqual([]);
  });
  afterAll(() => world.stop());
  return world;
};
