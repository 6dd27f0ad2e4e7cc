/*
 * The watcher controller with just what it declares, in some namespaces, and over specs that an older definition let in.
 *
 * Invariants:
 * - Exactly `watcherPermissions` are enough for everything, rollouts included: no answer is a 403.
 * - Without the rules for workloads everything else goes on, and the Watcher says what is missing.
 * - Whatever a lax definition has let in is said in a condition; nothing panics.
 */
import { expect, test } from "vitest";
import type { Permission } from "../../src/controllers/permission.ts";
import { watcherPermissions } from "../../src/watcher/rbac.ts";
import { eventually } from "./support/eventually.ts";
import { laxWatcherDefinition, useWatcherWorld } from "./support/watcher-world.ts";

const world = useWatcherWorld({
  nodes: 1,
  audit: true,
  definition: laxWatcherDefinition(),
  apiServerFlags: { "enable-admission-plugins": "OwnerReferencesPermissionEnforcement" },
});

/** What the manager may for all groups of controllers: Events, and the check of WATCH_NAMESPACES. */
const MANAGER: readonly Permission[] = [
  { why: "", group: "events.k8s.io", resources: ["events"], verbs: ["create", "patch"] },
  { why: "", group: "", resources: ["namespaces"], verbs: ["get"] },
];

let users = 0;

/** A user with these rights, in a namespace. */
const grantedUser = async (namespace: string, permissions: readonly Permission[]) => {
  const name = `watcher-${++users}`;
  const user = await world.cluster.addUser({ name });
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const rules = permissions.map(({ group, resources, verbs }) => ({ apiGroups: [group], resources, verbs }));
  await world.cluster.request("POST", `${rbac}/roles`, { metadata: { name }, rules });
  await world.cluster.request("POST", `${rbac}/rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
    subjects: [{ kind: "User", name, apiGroup: "rbac.authorization.k8s.io" }],
  });
  const { server, caPem } = world.cluster;
  return { name, access: { server, caPem, ...user } };
};

const forbidden = async (user: string) =>
  (await world.cluster.auditEvents())
    .filter((event) => event.user.username === user && event.responseStatus?.code === 403)
    .map(({ verb, requestURI }) => `${verb} ${requestURI}`);

/** A Deployment whose Pods have a former revision. */
const deployment = {
  metadata: { name: "web" },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: {
        labels: { app: "web" },
        annotations: {
          "watch.example.com/injected": "logs",
          "watch.example.com/injected-revision": "logs=former",
        },
      },
      spec: {
        containers: [
          { name: "main", image: "example.com/main" },
          { name: "log-agent", image: "example.com/a", envFrom: [{ configMapRef: { name: "logs-config" } }] },
        ],
      },
    },
  },
};

test("with exactly the declared permissions in its namespace, everything works and nothing is refused", async () => {
  const namespace = await world.namespace();
  const { name, access } = await grantedUser(namespace.name, [...watcherPermissions, ...MANAGER]);
  await namespace.create("deployments", deployment);
  world.manage(namespace, { access });
  await namespace.createWatcher("logs", { rollout: "OnChange" });
  await namespace.ready("logs");
  await namespace.createPod("missed", { annotations: { "watch.example.com/inject": "logs" } });
  await namespace.status("logs", { missed: 1 });
  await namespace.eventReasons("Pod", "missed", 1);
  // Repaired, made again, replaced: every verb.
  await namespace.patch("configmaps", "logs-config", { data: { extra: "1" } });
  await eventually("it is repaired", async () => {
    const { data } = await namespace.get("configmaps", "logs-config");
    return data === undefined;
  });
  await eventually("the Deployment is restarted", async () => {
    const { metadata } = await namespace.get("deployments", "web");
    return metadata.generation === 2;
  });
  expect(await forbidden(name)).toEqual([]);
});

test("without the rules for workloads a rollout says what is missing, and all else goes on", async () => {
  const namespace = await world.namespace();
  const rules = watcherPermissions.filter(({ group }) => group !== "apps");
  const { access } = await grantedUser(namespace.name, [...rules, ...MANAGER]);
  await namespace.create("deployments", deployment);
  await eventually("its Pod is there", async () => (await namespace.list("pods")).length === 1);
  await namespace.createWatcher("logs", { rollout: "OnChange" });
  // What is missing is told in the log too, as an error: the log of this one is not judged.
  const manager = world.manage(namespace, { access });
  const { message } = await namespace.condition("logs", "RolledOut", { status: "False", reason: "Forbidden" });
  expect(message).toContain('grant "get" on replicasets');
  await namespace.ready("logs");
  await namespace.status("logs", { outdated: 1 });
  await manager.stop();
  expect(manager.errors.filter((line) => !line.includes("not allowed to"))).toEqual([]);
  manager.lines.length = 0;
});

test.each<{ what: string; spec: object; type: string; reason: string }>([
  { what: "no container", spec: { container: null }, type: "Ready", reason: "InvalidSpec" },
  { what: "a container that is a text", spec: { container: "x" }, type: "Ready", reason: "InvalidSpec" },
  { what: "a malformed selector", spec: { podSelector: 5 }, type: "Ready", reason: "InvalidSelector" },
  { what: "numbers as data", spec: { configData: { a: 1 } }, type: "ConfigMapReady", reason: "InvalidData" },
  { what: "no base64", spec: { configBinaryData: { a: "?" } }, type: "ConfigMapReady", reason: "InvalidData" },
  {
    what: "more than 1 MiB",
    spec: { configData: { a: "x".repeat(1_048_577) } },
    type: "ConfigMapReady",
    reason: "TooLarge",
  },
])("what a lax definition let in is said in a condition: $what", async ({ spec, type, reason }) => {
  const namespace = await world.namespace();
  world.manage(namespace);
  await namespace.createPod("web", { annotations: { "watch.example.com/inject": "logs" } });
  await namespace.createWatcher("logs", spec);
  await namespace.condition("logs", type, { status: "False", reason });
  await namespace.condition("logs", "Ready", { status: "False" });
  await namespace.status("logs", { missedPods: [{ name: "web", reason: "NotReady" }] });
  // Mended, it is as any other.
  await namespace.remove("watchers", "logs");
  await namespace.createWatcher("logs");
  await namespace.ready("logs");
});

test("fields that this API server does not know are said, and leave the Watcher ready", async () => {
  const namespace = await world.namespace();
  world.manage(namespace);
  const container = { name: "log-agent", image: "example.com/a", fromTheFuture: true };
  await namespace.createWatcher("logs", { container });
  const { message } = await namespace.condition("logs", "FieldsDropped", { status: "True" });
  expect(message).toContain("this API server does not know spec.container.fromTheFuture");
  await namespace.ready("logs");
  await namespace.patch("watchers", "logs", { spec: { container: { fromTheFuture: null } } });
  await eventually("it is said no more", async () => {
    const { status, metadata } = await namespace.get("watchers", "logs");
    const isPresent = status?.observedGeneration === metadata.generation;
    return isPresent && !status?.conditions?.some(({ type }) => type === "FieldsDropped");
  });
});

test("namespaces that are not watched are left alone", async () => {
  const [one, two, other] = [await world.namespace(), await world.namespace(), await world.namespace()];
  for (const namespace of [one, two, other]) await namespace.createWatcher("logs");
  world.manage(one, { namespaces: [one.name, two.name] });
  for (const namespace of [one, two]) await namespace.ready("logs");
  expect((await other.get("watchers", "logs")).status).toBeUndefined();
  expect((await other.list("configmaps")).map(({ metadata }) => metadata.name)).not.toContain("logs-config");
});
