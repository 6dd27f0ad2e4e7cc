import { readFileSync } from "node:fs";
import {
  Cache,
  Client,
  createLogger,
  Manager,
  Registry,
  silentLogger,
  systemClock,
  Troubles,
} from "@pcmc/controller-runtime";
import { type Cluster, freePort } from "@pcmc/devcluster";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { parse } from "yaml";
import { podConfigMapWebhooks } from "../../src/admission/webhook.ts";
import type { Watcher } from "../../src/api/watcher.ts";
import { revisionOf } from "../../src/watcher/revision.ts";
import { Watchers } from "../../src/watcher/watchers.ts";
import { eventually } from "../integration/support/eventually.ts";
import { fixedConfig } from "../integration/support/manager.ts";
import { samplesOf } from "../integration/support/metrics.ts";
import { readyCondition } from "../watcher/injection-fixtures.ts";
import { contentEngine } from "./fixtures.ts";

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const REGISTRATION = "/apis/admissionregistration.k8s.io/v1";
export const VALIDATING = `${REGISTRATION}/validatingwebhookconfigurations/podconfigmap-controller`;
export const MUTATING = `${REGISTRATION}/mutatingwebhookconfigurations/podconfigmap-controller`;
export const MUTATING_ALL = `${REGISTRATION}/mutatingwebhookconfigurations`;
const STATUS = { contentType: "application/merge-patch+json" };

export const watchersIn = (namespace: string) => `/apis/watch.example.com/v1alpha1/namespaces/${namespace}/watchers`;
export const podsIn = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`;

/** Applies the committed CustomResourceDefinitions; resolves when the API server serves Watchers. */
export const installDefinitions = async (cluster: Cluster): Promise<void> => {
  for (const file of ["watcher", "podconfigmapconfig"]) {
    const path = new URL(`../../../../crd/${file}_crd.yaml`, import.meta.url);
    await cluster.request("POST", DEFINITIONS, parse(readFileSync(path, "utf8")));
  }
  await eventually("the API server serves Watchers", () => cluster.request("GET", watchersIn("default")));
};

/** A new namespace, ready for Pods. */
export const createNamespace = async (
  cluster: Cluster,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<string> => {
  await cluster.request("POST", "/api/v1/namespaces", { metadata: { name, labels } });
  // Pods need it; kube-controller-manager makes it too, but later.
  const accounts = `/api/v1/namespaces/${name}/serviceaccounts`;
  await cluster.request("POST", accounts, { metadata: { name: "default" } }).catch(() => {});
  return name;
};

/** Stores a Watcher, and says of it what its controller would: the status of `watcher`, at its present generation. */
export const storeWatcher = async (cluster: Cluster, namespace: string, watcher: Watcher): Promise<Watcher> => {
  const { spec, status, metadata } = watcher;
  const name = metadata?.name ?? "";
  const stored: Watcher = await cluster.request("POST", watchersIn(namespace), {
    apiVersion: "watch.example.com/v1alpha1",
    kind: "Watcher",
    metadata: { name },
    spec,
  });
  return cluster.request(
    "PATCH",
    `${watchersIn(namespace)}/${name}/status`,
    {
      status: {
        ...status,
        conditions: status?.conditions ?? [readyCondition("True", "Settled")],
        revision: stored.spec && revisionOf(stored.spec),
      },
    },
    STATUS,
  );
};

/** The operator's webhooks in this process, called and registered by a real API server. */
export class RunningWebhooks implements AsyncDisposable {
  readonly port: number;
  readonly cache: Cache;
  readonly #client: Client;
  readonly #registry = new Registry();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly lines: string[] = [];

  private constructor(cluster: Cluster, port: number) {
    this.port = port;
    this.#client = new Client(fixedConfig(cluster));
    const client = this.#client;
    const log = createLogger({ level: "warning", format: "text", stream: { write: (line) => this.lines.push(line) } });
    this.cache = new Cache({ client, log });
    const webhooks = podConfigMapWebhooks({
      settings: {
        webhookAddr: { host: "127.0.0.1", port },
        webhookUrl: `https://127.0.0.1:${port}`,
        webhookSecretName: "injection-test",
        webhookCertDir: undefined,
        authorChecks: false,
        controllers: ["podconfigmap", "watcher"],
        watchNamespaces: [],
      },
      namespace: "default",
      cache: this.cache,
      client,
      engine: contentEngine,
      registry: this.#registry,
      log,
      troubles: new Troubles({ clock: systemClock, log: silentLogger }),
    });
    this.#ready = () => webhooks.readyCheck.check();
    const manager = new Manager({
      cache: this.cache,
      runnables: webhooks.runnables,
      led: () => webhooks.led(client),
      log,
    });
    this.#running = manager.run({ stop: this.#stop.signal, kill: new AbortController().signal });
  }

  readonly #ready: () => string | undefined;

  /** Starts them; resolves when the API server could call them. */
  static async start(cluster: Cluster): Promise<RunningWebhooks> {
    const running = new RunningWebhooks(cluster, await freePort());
    await eventually("the webhooks are ready", () => {
      const trouble = running.#ready();
      if (trouble !== undefined) throw new Error(trouble);
      return running.cache.synced;
    });
    return running;
  }

  /** How many reviews have been asked for under a path. */
  async reviews(path: string): Promise<number> {
    const samples = samplesOf(await this.#registry.metrics());
    return samples
      .filter(({ name, labels }) => name === "controller_runtime_webhook_requests_total" && labels.webhook === path)
      .reduce((sum, { value }) => sum + value, 0);
  }

  /** Waits until the cache has this state of a Watcher. */
  async knows({ metadata }: Watcher): Promise<void> {
    const key = `${metadata?.namespace}/${metadata?.name}`;
    await eventually(`${key} is known as it is`, () => {
      return this.cache.informer(Watchers).get(key)?.metadata.resourceVersion === metadata?.resourceVersion;
    });
  }

  /** Waits until the API server asks them about Pods. */
  async untilAsked(cluster: Cluster, namespace: string): Promise<void> {
    const before = await this.reviews("/inject/pods");
    await eventually("the API server asks about Pods", async () => {
      await cluster.request("POST", `${podsIn(namespace)}?dryRun=All`, podNamed("probe"));
      return (await this.reviews("/inject/pods")) > before;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#client.close();
  }
}

/** A Pod that asks for Watchers. */
export const podNamed = (name: string, inject?: string): Pod => ({
  metadata: { name, ...(inject !== undefined && { annotations: { "watch.example.com/inject": inject } }) },
  spec: { containers: [{ name: "app", image: "app:1" }] },
});
