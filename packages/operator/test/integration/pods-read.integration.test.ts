/**
 * How much of every Pod the controllers have read.
 *
 * Invariants:
 * - where there is no Watcher and no labelled Deployment, no container, volume or owner of any Pod is held;
 * - the first one of each has them read, and until they are, Pods do not count as complete.
 */
import { Cache, Client, type Informer, type KeyString, type KubernetesObject } from "@pcmc/controller-runtime";
import { type Cluster, startCluster } from "@pcmc/devcluster";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { sourcesOf as configSources } from "../../src/podconfigmap/sources.ts";
import { sourcesOf as readerSources } from "../../src/podlogreader/sources.ts";
import { sourcesOf as watcherSources } from "../../src/watcher/sources.ts";
import { installDefinitions, podsIn, watchersIn } from "../admission/injection-support.ts";
import { eventually } from "./support/eventually.ts";
import { fixedConfig } from "./support/manager.ts";

const POD = "default/web" as KeyString;
const web = {
  metadata: { name: "web", ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: "1-2-3" }] },
  spec: {
    containers: [{ name: "web", image: "example.com/web:1" }],
    volumes: [{ name: "files", emptyDir: {} }],
  },
};
const watcher = {
  apiVersion: "watch.example.com/v1alpha1",
  kind: "Watcher",
  metadata: { name: "agent" },
  spec: { container: { name: "agent", image: "example.com/agent:1" } },
};
const labels = { app: "web", "podlogreader-affiliate": "enable" };
const deployment = {
  metadata: { name: "web" },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels }, spec: { containers: web.spec.containers } },
  },
};

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false, scheduler: false });
  await installDefinitions(cluster);
  await eventually("default ServiceAccounts are not asked for", () => cluster.request("POST", podsIn("default"), web));
});

afterAll(async () => {
  await cluster?.stop();
});

let pods: Informer<Pod>;

beforeEach(async () => {
  const end = new AbortController();
  const config = fixedConfig(cluster);
  const client = new Client(config);
  const cache = new Cache({ client });
  pods = configSources(cache).pods;
  watcherSources(cache);
  readerSources(cache);
  cache.start(end.signal);
  const informers: readonly Informer<KubernetesObject>[] = cache.informers;
  await Promise.all(informers.map((informer) => informer.whenReady(AbortSignal.timeout(30_000))));
  return async () => {
    end.abort(new Error("the test has ended"));
    await cache.stopped();
    await client.close();
    config.close();
  };
});

/** The fields of the Pod that are held, beside its name and what says which version it is. */
const held = () => {
  const { metadata: { ownerReferences } = {}, spec: { containers, volumes } = {} } = pods.get(POD) ?? {};
  return { ownerReferences, containers, volumes };
};

test("nothing of what only Watchers and labelled Deployments need is held while there are none", () => {
  expect(pods.get(POD)?.metadata?.name).toBe("web");
  expect(held()).toEqual({ ownerReferences: undefined, containers: undefined, volumes: undefined });
});

test("the first labelled Deployment has the owners of Pods read", async () => {
  await cluster.request("POST", "/apis/apps/v1/namespaces/default/deployments", deployment);
  const { ownerReferences } = await eventually("the owners are here", () => pods.syncedIn("default") && isWider());
  expect(ownerReferences).toMatchObject([{ kind: "ConfigMap", uid: "1-2-3" }]);
  await cluster.request("DELETE", "/apis/apps/v1/namespaces/default/deployments/web");
});

test("the first Watcher has the containers and volumes of Pods read, by name", async () => {
  await cluster.request("POST", watchersIn("default"), watcher);
  const { containers, volumes } = await eventually("the containers are here", () => pods.synced && isWider());
  expect(containers).toEqual([{ name: "web" }]);
  expect(volumes).toEqual([{ name: "files" }]);
  await cluster.request("DELETE", `${watchersIn("default")}/agent`);
});

const isWider = () => {
  const fields = held();
  return fields.ownerReferences !== undefined && fields;
};
