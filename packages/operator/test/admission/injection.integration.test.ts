/*
 * Injection by a real API server that calls our webhook, with the real controllers that create Pods. Invariants:
 * - Pods of every kind of owner are injected, and are stored as they came out of the pure function.
 * - Other webhooks, forced reinvocation and repeated creation add nothing a second time.
 * - Nobody is kept from creating Pods: not by the webhook, nor by its absence.
 * - What the API server is told to leave alone never comes to us.
 */
import { type Cluster, startCluster } from "@pcmc/devcluster";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Watcher } from "../../src/api/watcher.ts";
import { eventually } from "../integration/support/eventually.ts";
import { containerNames, initNames, readyCondition, watcher } from "../watcher/injection-fixtures.ts";
import {
  createNamespace,
  installDefinitions,
  MUTATING,
  podNamed,
  podsIn,
  RunningWebhooks,
  storeWatcher,
  VALIDATING,
  watchersIn,
} from "./injection-support.ts";
import { SecondWebhook } from "./second-webhook.ts";

const REVIEWS = "/inject/pods";
const SHOP = "shop";

const logs = watcher("logs", {
  container: {
    name: "shipper",
    image: "shipper:1",
    ports: [{ containerPort: 9000 }],
    volumeMounts: [{ name: "spool", mountPath: "/spool" }],
  },
  volume: { name: "spool", emptyDir: {} },
  imagePullSecrets: { name: "registry" },
  configData: { LEVEL: "info" },
});
const plain = watcher("plain", { injectAs: "Container" });

let cluster: Cluster;
let webhooks: RunningWebhooks;

beforeAll(async () => {
  cluster = await startCluster({ controllerManager: true });
  await installDefinitions(cluster);
  await createNamespace(cluster, SHOP);
  webhooks = await RunningWebhooks.start(cluster);
  for (const each of [logs, plain]) await webhooks.knows(await storeWatcher(cluster, SHOP, each));
  await webhooks.untilAsked(cluster, SHOP);
});

afterAll(async () => {
  await webhooks?.[Symbol.asyncDispose]();
  await cluster?.stop();
});

const create = (pod: Pod, namespace = SHOP): Promise<Pod> => cluster.request("POST", podsIn(namespace), pod);

test("a bare Pod is stored with all that its Watchers have", async () => {
  const pod = await create(podNamed("bare", "logs,plain"));
  expect(initNames(pod)).toEqual(["shipper"]);
  expect(containerNames(pod)).toEqual(["app", "plain"]);
  expect(pod.spec?.initContainers?.[0]).toMatchObject({
    restartPolicy: "Always",
    envFrom: [{ configMapRef: { name: "logs-config" } }],
    volumeMounts: [
      { name: "spool", mountPath: "/spool" },
      { mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" },
    ],
  });
  expect(pod.spec?.volumes).toContainEqual({ name: "spool", emptyDir: {} });
  expect(pod.spec?.imagePullSecrets).toEqual([{ name: "registry" }]);
  expect(pod.metadata?.annotations).toMatchObject({
    "watch.example.com/injected": "logs,plain",
    "watch.example.com/injected-revision": expect.stringMatching(/^logs=[-\w]{16},plain=[-\w]{16}$/),
  });
});

describe("Pods of owners", () => {
  const template = (restartPolicy = "Always") => ({
    metadata: { labels: { app: "owned" }, annotations: { "watch.example.com/inject": "logs" } },
    spec: { restartPolicy, containers: [{ name: "app", image: "app:1" }] },
  });
  const selector = { matchLabels: { app: "owned" } };
  const jobSpec = { template: template("Never") };
  const apps = (plural: string) => `/apis/apps/v1/namespaces/${SHOP}/${plural}`;

  beforeAll(() => cluster.request("POST", "/api/v1/nodes", { metadata: { name: "node" } }));

  test.each([
    ["Deployment", "ReplicaSet", apps("deployments"), { selector, template: template() }],
    ["StatefulSet", "StatefulSet", apps("statefulsets"), { selector, serviceName: "s", template: template() }],
    ["DaemonSet", "DaemonSet", apps("daemonsets"), { selector, template: template() }],
    ["Job", "Job", `/apis/batch/v1/namespaces/${SHOP}/jobs`, jobSpec],
  ])("a Pod of a %s is injected", async (kind, owner, path, spec) => {
    const name = `of-${kind.toLowerCase()}`;
    await cluster.request("POST", path, { metadata: { name }, spec });
    expect(initNames(await ownedBy(owner, name))).toEqual(["shipper"]);
  });

  test("a Pod of a CronJob's Job is injected", async () => {
    const spec = { schedule: "0 0 1 1 *", jobTemplate: { spec: jobSpec } };
    await cluster.request("POST", `/apis/batch/v1/namespaces/${SHOP}/cronjobs`, { metadata: { name: "cron" }, spec });
    const made = await cluster.kubectl(["create", "job", "of-cron", "--from=cronjob/cron", "--namespace", SHOP]);
    expect(made.exitCode).toBe(0);
    expect(initNames(await ownedBy("Job", "of-cron"))).toEqual(["shipper"]);
  });

  const ownedBy = (kind: string, prefix: string): Promise<Pod> =>
    eventually(`a Pod of ${kind} ${prefix} exists`, async () => {
      const { items } = await cluster.request<{ items: Pod[] }>("GET", podsIn(SHOP));
      return items.find(({ metadata }) =>
        metadata?.ownerReferences?.some((owner) => owner.kind === kind && owner.name.startsWith(prefix)),
      );
    });
});

test("with a second webhook that changes what we have injected, we are asked again, and add nothing twice", async () => {
  await using second = await SecondWebhook.start(cluster, SHOP);
  const before = await webhooks.reviews(REVIEWS);
  const pod = await create(podNamed("twice", "logs,plain"));
  expect(second.seen).toBeGreaterThan(0);
  expect(await webhooks.reviews(REVIEWS)).toBe(before + 2);
  expect(initNames(pod)).toEqual(["shipper"]);
  expect(containerNames(pod)).toEqual(["app", "plain"]);
  expect(pod.spec?.initContainers?.[0]?.env).toEqual([{ name: "SECOND", value: "yes" }]);
  expect(pod.spec?.volumes?.filter(({ name }) => name === "spool")).toHaveLength(1);
  expect(pod.metadata?.annotations?.["watch.example.com/injected"]).toBe("logs,plain");
});

test("a Pod that was injected, exported and created again comes out the same", async () => {
  const { metadata, spec } = await create(podNamed("original", "logs,plain"));
  const { annotations } = metadata ?? {};
  const copy = await create({ metadata: { name: "copy", ...(annotations && { annotations }) }, ...(spec && { spec }) });
  expect(copy.spec).toEqual(spec);
  expect(copy.metadata?.annotations).toEqual(annotations);
});

test("kubectl shows what is left out, and creates the Pod", async () => {
  const input = JSON.stringify({ apiVersion: "v1", kind: "Pod", ...podNamed("warned", "gone,logs") });
  const { exitCode, stderr } = await cluster.kubectl(["apply", "--namespace", SHOP, "--filename", "-"], { input });
  expect(exitCode).toBe(0);
  expect(stderr).toContain('Warning: Watcher "gone" is not injected: there is none of that name in this namespace');
});

test("a Watcher that was changed is injected once its controller has settled it, as it is then", async () => {
  const path = `${watchersIn(SHOP)}/changed`;
  await webhooks.knows(await storeWatcher(cluster, SHOP, watcher("changed")));
  const spec = { container: { name: "changed", image: "sidecar:2" } };
  const changed = await cluster.request<Watcher>("PATCH", path, { spec }, MERGE);
  await webhooks.knows(changed);
  expect(initNames(await create(podNamed("unsettled", "changed")))).toEqual([]);
  const observedGeneration = changed.metadata?.generation ?? 0;
  const status = { revision: "two", conditions: [readyCondition("True", "Settled", { observedGeneration })] };
  await webhooks.knows(await cluster.request("PATCH", `${path}/status`, { status }, MERGE));
  const pod = await create(podNamed("settled", "changed"));
  expect(pod.spec?.initContainers).toMatchObject([spec.container]);
  expect(pod.metadata?.annotations?.["watch.example.com/injected-revision"]).toBe("changed=two");
});

const MERGE = { contentType: "application/merge-patch+json" };

describe("what is left alone", () => {
  test.each([
    ["of kube-system", "kube-system", podNamed("left-alone", "logs")],
    ["that opts out", SHOP, podNamed("opted-out", "false")],
    [
      "of the operator",
      SHOP,
      {
        ...podNamed("own"),
        metadata: { name: "own", labels: { "app.kubernetes.io/name": "podconfigmap-controller" } },
      },
    ],
  ])("the API server does not ask about a Pod %s", async (_what, namespace, pod) => {
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    await cluster.request("POST", accounts, { metadata: { name: "default" } }).catch(() => {});
    const before = await webhooks.reviews(REVIEWS);
    await create(pod, namespace);
    expect(await webhooks.reviews(REVIEWS)).toBe(before);
  });

  test("nor about one in a namespace that opts out", async () => {
    const namespace = await createNamespace(cluster, "opted-out", { "watch.example.com/injection": "disabled" });
    const before = await webhooks.reviews(REVIEWS);
    expect(initNames(await create(podNamed("left-alone", "logs"), namespace))).toEqual([]);
    expect(await webhooks.reviews(REVIEWS)).toBe(before);
  });
});

describe("registration", () => {
  /** All caBundles of a configuration. */
  const bundles = async (path: string): Promise<readonly string[]> => {
    interface Registered {
      readonly webhooks: readonly { readonly clientConfig: { readonly caBundle?: string } }[];
    }
    const { webhooks: registered } = await cluster.request<Registered>("GET", path);
    return registered.map(({ clientConfig }) => clientConfig.caBundle ?? "");
  };

  test("both configurations have one bundle in all their webhooks", async () => {
    const [validating, mutating] = await Promise.all([bundles(VALIDATING), bundles(MUTATING)]);
    expect(validating).toHaveLength(2);
    expect(mutating).toHaveLength(1);
    expect(new Set([...validating, ...mutating]).size).toBe(1);
    expect(mutating[0]).not.toBe("");
  });

  test.each([
    [
      "stripped of its bundle",
      () =>
        cluster.request(
          "PATCH",
          MUTATING,
          { webhooks: [{ name: "inject.watchers.watch.example.com", clientConfig: { caBundle: null } }] },
          STRATEGIC,
        ),
    ],
    ["deleted", () => cluster.request("DELETE", MUTATING)],
  ])("the mutating one is put right when it is %s", async (_what, harm) => {
    const before = await bundles(MUTATING);
    await harm();
    await eventually("it is as it was", async () => JSON.stringify(await bundles(MUTATING)) === JSON.stringify(before));
    await webhooks.untilAsked(cluster, SHOP);
  });
});

const STRATEGIC = { contentType: "application/strategic-merge-patch+json" };

test("with no webhook there to answer, Pods are created without their Watchers, and with the next one they are injected", async () => {
  await webhooks[Symbol.asyncDispose]();
  expect(webhooks.lines.filter((line) => /^[EF]/.test(line))).toEqual([]);
  expect(initNames(await create(podNamed("down", "logs")))).toEqual([]);
  webhooks = await RunningWebhooks.start(cluster);
  await webhooks.untilAsked(cluster, SHOP);
  expect(initNames(await create(podNamed("up", "logs")))).toEqual(["shipper"]);
});
