/*
 * rollout: OnChange on a real API server, with the workload controllers of Kubernetes and simulated nodes. Instead of the operator's
 * webhook, one of the test says what new Pods come to.
 *
 * Invariants:
 * - A workload with outdated Pods is restarted once for a revision, whatever becomes of its new Pods, also after a restart of ours.
 * - One workload after the other; where restarted Pods get nothing, nothing more is restarted.
 * - What cannot be restarted is said and not touched.
 */
import type { DaemonSet, StatefulSet } from "kubernetes-types/apps/v1.d.ts";
import { expect, test } from "vitest";
import { annotateCreated } from "./support/created-pods.ts";
import { eventually } from "./support/eventually.ts";
import { sidecar, useWatcherWorld, type WatcherNamespace } from "./support/watcher-world.ts";

const world = useWatcherWorld({ nodes: 1, audit: true });

const INJECTED = "watch.example.com/injected";
const REVISION = "watch.example.com/injected-revision";
const RESTARTED_FOR = "watch.example.com/restarted-for";
/** A roll takes a while on a busy machine. */
const PATIENCE = 90_000;

/** A Pod template that has the sidecar of a former revision. */
const outdatedTemplate = (app: string) => ({
  metadata: {
    labels: { app },
    annotations: {
      "watch.example.com/inject": "logs",
      [INJECTED]: "logs",
      [REVISION]: "logs=former",
    },
  },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      { name: "main", image: "example.com/main" },
      { ...sidecar, envFrom: [{ configMapRef: { name: "logs-config" } }] },
    ],
  },
});

const createDeployment = async (namespace: WatcherNamespace, name: string, spec: object = {}) => {
  const template = outdatedTemplate(name);
  await namespace.create("deployments", {
    metadata: { name },
    spec: { replicas: 2, selector: { matchLabels: { app: name } }, template, ...spec },
  });
  await eventually(`Deployment ${name} is available`, async () => {
    const { status } = await namespace.get("deployments", name);
    return status?.availableReplicas === 2;
  });
};

const templateOf = async (namespace: WatcherNamespace, name: string) => {
  const { spec, metadata } = await namespace.get("deployments", name);
  return { annotations: spec?.template.metadata?.annotations ?? {}, generation: metadata.generation };
};

/** What an annotation of Pods that are created in a namespace comes to from now on; waits until it does. */
const whenCreated = async (namespace: WatcherNamespace, key: string, value: string): Promise<void> => {
  await annotateCreated(world.cluster, namespace.name, { key, value });
  await eventually("the webhook is called", async () => {
    const pod = await namespace.create("pods", {
      metadata: { generateName: "probe-", annotations: { [REVISION]: "probe", [INJECTED]: "probe" } },
      spec: { containers: [{ name: "probe", image: "example.com/probe" }] },
    });
    await namespace.remove("pods", pod.metadata.name);
    return pod.metadata.annotations?.[key] === value;
  });
};

/** As the operator's own webhook does it: with the present revision. */
const injectPresent = async (namespace: WatcherNamespace): Promise<void> => {
  const { status } = await namespace.get("watchers", "logs");
  await whenCreated(namespace, REVISION, `logs=${status?.revision}`);
};

test("workloads with outdated Pods are restarted one after the other, once, as kubectl does it", {
  timeout: 180_000,
}, async () => {
  const namespace = await world.namespace();
  for (const name of ["a", "b"]) await createDeployment(namespace, name);
  await namespace.createWatcher("logs");
  const first = world.manage(namespace);
  await namespace.status("logs", { injected: 4, outdated: 4 });
  await namespace.ready("logs");
  expect((await templateOf(namespace, "a")).generation).toBe(1);
  await injectPresent(namespace);

  await namespace.patch("watchers", "logs", { spec: { rollout: "OnChange" } });
  const { status, metadata } = await namespace.status("logs", { outdated: 0, injected: 4 }, PATIENCE);
  await namespace.condition("logs", "RolledOut", { status: "True", reason: "UpToDate" });
  for (const name of ["a", "b"]) {
    const { annotations, generation } = await templateOf(namespace, name);
    expect(annotations[RESTARTED_FOR]).toBe(`logs=${status?.revision}@${metadata.generation}`);
    expect(annotations["kubectl.kubernetes.io/restartedAt"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(generation).toBe(2);
    expect(await namespace.eventReasons("Deployment", name, 2)).toContain("RestartedForWatcher");
  }
  const restarts = (await world.writes(first)).filter(({ objectRef }) => objectRef?.resource === "deployments");
  expect(restarts.map(({ verb, objectRef }) => `${verb} ${objectRef?.name}`)).toEqual(["patch a", "patch b"]);

  await first.stop();
  const next = world.manage(namespace);
  await namespace.createWatcher("later", { container: { ...sidecar, name: "later" } });
  await namespace.ready("later");
  expect((await world.writes(next)).map(({ objectRef }) => objectRef?.name)).toEqual(["later-config", "later"]);
});

test.each(["statefulsets", "daemonsets"])(
  "%s are restarted too, and waited for",
  { timeout: 120_000 },
  async (plural) => {
    const namespace = await world.namespace();
    const path = `/apis/apps/v1/namespaces/${namespace.name}/${plural}`;
    const isSet = plural === "statefulsets";
    await world.cluster.request("POST", path, {
      metadata: { name: "web" },
      spec: {
        selector: { matchLabels: { app: "web" } },
        template: outdatedTemplate("web"),
        ...(isSet && { replicas: 2, serviceName: "web" }),
      },
    });
    const pods = isSet ? 2 : 1;
    await namespace.createWatcher("logs");
    world.manage(namespace);
    await namespace.status("logs", { injected: pods, outdated: pods }, PATIENCE);
    await namespace.ready("logs");
    await injectPresent(namespace);
    await namespace.patch("watchers", "logs", { spec: { rollout: "OnChange" } });
    const { status, metadata } = await namespace.status("logs", { outdated: 0, injected: pods }, PATIENCE);
    await namespace.condition("logs", "RolledOut", { status: "True", reason: "UpToDate" }, PATIENCE);
    const web = await world.cluster.request<StatefulSet | DaemonSet>("GET", `${path}/web`);
    expect(web.metadata?.generation).toBe(2);
    expect(web.spec?.template.metadata?.annotations?.[RESTARTED_FOR]).toBe(
      `logs=${status?.revision}@${metadata.generation}`,
    );
    const last = { generation: 2, unavailable: 0, watchers: ["logs"] };
    expect(JSON.parse(web.metadata?.annotations?.["watch.example.com/last-restart"] ?? "")).toEqual(last);
  },
);

test("a workload whose new Pods have an older revision again is not restarted again", {
  timeout: 120_000,
}, async () => {
  const namespace = await world.namespace();
  await createDeployment(namespace, "web");
  await namespace.createWatcher("logs", { rollout: "OnChange" });
  const manager = world.manage(namespace);
  await eventually("it is restarted", async () => (await templateOf(namespace, "web")).generation === 2);
  const looks = async () =>
    (await world.cluster.auditEvents()).filter(
      ({ userAgent, verb, objectRef }) =>
        userAgent === manager.userAgent && verb === "get" && objectRef?.resource === "deployments",
    ).length;
  const before = await looks();
  await eventually("the manager looks at it a few more times", async () => (await looks()) >= before + 4);
  expect((await templateOf(namespace, "web")).generation).toBe(2);
  await namespace.status("logs", { outdated: 2 });

  // For another revision it is, though.
  await namespace.patch("watchers", "logs", { spec: { configData: { LEVEL: "debug" } } });
  await eventually("it is restarted again", async () => (await templateOf(namespace, "web")).generation === 3, {
    deadline: PATIENCE,
  });
});

test("nothing more is restarted once restarted Pods come without it", { timeout: 120_000 }, async () => {
  const namespace = await world.namespace();
  for (const name of ["a", "b"]) await createDeployment(namespace, name);
  await whenCreated(namespace, INJECTED, "");
  await namespace.createWatcher("logs", { rollout: "OnChange" });
  world.manage(namespace);
  const failing = { status: "False", reason: "InjectionFailing" } as const;
  const { message } = await namespace.condition("logs", "RolledOut", failing, PATIENCE);
  expect(message).toContain("restarted Pods did not get it (a-");
  await eventually("Deployment a has rolled", async () => {
    const { status } = await namespace.get("deployments", "a");
    return status?.updatedReplicas === 2 && status.availableReplicas === 2 && status.replicas === 2;
  });
  await namespace.status("logs", { injected: 2, outdated: 2, missed: 2 });
  await namespace.condition("logs", "RolledOut", failing);
  expect((await templateOf(namespace, "b")).generation).toBe(1);
});

test("paused Deployments and Pods without a workload are said, and not touched", { timeout: 120_000 }, async () => {
  const namespace = await world.namespace();
  await createDeployment(namespace, "web");
  await namespace.patch("deployments", "web", { spec: { paused: true } });
  await namespace.createInjected("alone", "logs", "former");
  await namespace.createWatcher("logs", { rollout: "OnChange" });
  world.manage(namespace);
  const { message } = await namespace.condition("logs", "RolledOut", { status: "False", reason: "NotRestartable" });
  expect(message).toBe(
    "Pods with an older revision are left to you: Pod alone (no workload); Deployment web is paused",
  );
  expect((await templateOf(namespace, "web")).annotations[RESTARTED_FOR]).toBeUndefined();
  expect(await namespace.eventReasons("Watcher", "logs", 2)).toEqual(["NotRestartable", "Ready"]);
});
