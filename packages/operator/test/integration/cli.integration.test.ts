/*
 * `pcmc manager` as a process, as users run it.
 *
 * Invariants:
 * - What keeps it from working is told in one clear line each, once, and waited for; only what waiting cannot mend ends it.
 * - Exit codes: 0 after a graceful stop, 1 after a fatal error, 2 for wrong settings.
 */

import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FaultProxy } from "@pcmc/devcluster";
import { freePort } from "@pcmc/devcluster";
import { expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { committedDefinition, install, uninstall } from "./support/definition.ts";
import { eventually } from "./support/eventually.ts";
import { ManagerProcess } from "./support/manager-process.ts";
import { samplesOf } from "./support/metrics.ts";
import type { Namespace } from "./support/namespace.ts";
import { eventuallyExact } from "./support/oracle.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld({ controllerManager: false });

/** A kubeconfig of nobody in particular for `server`. */
const kubeconfigOf = async ({ server, caPem }: Pick<FaultProxy, "server" | "caPem">): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "pcmc-cli-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const cluster = { server, "certificate-authority-data": Buffer.from(caPem).toString("base64") };
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  const file = join(folder, "kubeconfig");
  await writeFile(file, stringify(config));
  return file;
};

const withPod = async (): Promise<Namespace> => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.createConfig("app");
  return namespace;
};

test("all wrong settings are told at once, a line each, with exit code 2", async () => {
  await using manager = await ManagerProcess.start({
    CONTROLLER_POD_WORKERS: "0",
    CONTROLLER_RESYNC_PERIOD: "-1m",
    LOG_LEVEL: "loud",
    METRICS_ADDR: "nowhere",
  });
  expect(await manager.exit).toEqual({ code: 2, signal: null });
  expect(manager.lines.map((line) => line.slice(0, line.indexOf(":"))).sort()).toEqual([
    'CONTROLLER_POD_WORKERS="0"',
    'CONTROLLER_RESYNC_PERIOD="-1m"',
    'LOG_LEVEL="loud"',
    'METRICS_ADDR="nowhere"',
  ]);
});

test("a kubeconfig that is not there is told in one line, with exit code 1", async () => {
  await using manager = await ManagerProcess.start({ KUBECONFIG: "/nonexistent/kubeconfig" });
  expect(await manager.exit).toEqual({ code: 1, signal: null });
  expect(manager.lines).toHaveLength(1);
  expect(manager.lines[0]).toContain("/nonexistent/kubeconfig");
});

test("a port in use is told in one line, with exit code 1", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  onTestFinished(() => void other.close());
  const address = other.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const env = { KUBECONFIG: world.cluster.kubeconfig, METRICS_ADDR: `127.0.0.1:${port}` };
  await using manager = await ManagerProcess.start(env);
  expect(await manager.exit).toEqual({ code: 1, signal: null });
  expect(manager.lines).toHaveLength(1);
  expect(manager.lines[0]).toContain(`cannot listen on 127.0.0.1:${port}`);
});

test("an API server that cannot be reached is told once and waited for; SIGTERM ends the wait with 0", async () => {
  const server = `https://127.0.0.1:${await freePort()}`;
  await using manager = await ManagerProcess.start({
    KUBECONFIG: await kubeconfigOf({ server, caPem: world.cluster.caPem }),
  });
  await manager.says("cannot reach the API server: check that it runs");
  await eventually("it has tried several times", async () => (await requestsOf(manager)) > 10);
  expect(await manager.readiness()).toMatchObject({ status: 503 });
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
  expect(manager.lines.filter((line) => line.includes("ECONNREFUSED"))).toHaveLength(1);
});

/** How many requests a manager has made. */
const requestsOf = async (manager: ManagerProcess): Promise<number> =>
  samplesOf(await manager.scrape())
    .filter(({ name }) => name === "rest_client_requests_total")
    .reduce((sum, { value }) => sum + value, 0);

test("an API server that cannot be reached yet is used once it is there", async () => {
  const namespace = await withPod();
  const proxy = await world.proxy();
  const away = proxy.rule({ action: { type: "cut-request" } });
  await using manager = await ManagerProcess.start({ KUBECONFIG: await kubeconfigOf(proxy) });
  await manager.says("connections to the API server break");
  away.remove();
  await namespace.settled("app");
  await eventuallyExact(namespace);
  await manager.ready();
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
});

test("a missing CRD is told once and does not hold up readiness; the manager works as soon as it is there", async () => {
  await uninstall(world.cluster);
  await using manager = await ManagerProcess.start({ KUBECONFIG: world.cluster.kubeconfig });
  await manager.says("does not know podconfigmapconfigs.podconfig.example.com: install its CRD");
  await manager.ready();
  await install(world.cluster, committedDefinition());
  const namespace = await withPod();
  await namespace.settled("app");
  await eventuallyExact(namespace);
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
  expect(manager.lines).toHaveLength(1);
});

const RBAC = "/apis/rbac.authorization.k8s.io/v1";

/** Gives a user a ClusterRole. */
const grant = async ({
  user,
  role,
  rules,
}: {
  user: string;
  role: string;
  rules: readonly object[];
}): Promise<void> => {
  await world.cluster.request("POST", `${RBAC}/clusterroles`, { metadata: { name: role }, rules });
  await world.cluster.request("POST", `${RBAC}/clusterrolebindings`, {
    metadata: { name: role },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ kind: "User", name: user, apiGroup: "rbac.authorization.k8s.io" }],
  });
};

const reading = [
  { apiGroups: [""], resources: ["pods", "configmaps"], verbs: ["list", "watch"] },
  { apiGroups: ["podconfig.example.com"], resources: ["podconfigmapconfigs"], verbs: ["list", "watch"] },
];
const writing = [
  { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "create", "update", "delete"] },
  { apiGroups: ["podconfig.example.com"], resources: ["podconfigmapconfigs/status"], verbs: ["update"] },
  { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["create", "patch"] },
];
/** Who may not even have a Lease is not told of these permissions. */
const alone = { LEADER_ELECTION_ENABLED: "false" };

test("missing permissions to read are told in one line and waited for; granted, it works", async () => {
  const namespace = await withPod();
  const { kubeconfig } = await world.cluster.addUser({ name: "nobody" });
  await using manager = await ManagerProcess.start({ KUBECONFIG: kubeconfig, ...alone });
  const resources = "configmaps, podconfigmapconfigs.podconfig.example.com, pods";
  await manager.says(`not allowed to list and watch ${resources}: grant`);
  expect(await manager.readiness()).toMatchObject({ status: 503 });
  expect(manager.lines).toHaveLength(1);
  await grant({ user: "nobody", role: "all", rules: [...reading, ...writing] });
  await namespace.settled("app");
  await eventuallyExact(namespace);
  await manager.ready();
  expect(manager.lines).toHaveLength(1);
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
});

test("missing permissions to write are told once for each verb and resource and waited for; granted, it works", async () => {
  const namespace = await withPod();
  for (let i = 0; i < 30; i++) await namespace.createPod(`pod-${i}`);
  const { kubeconfig } = await world.cluster.addUser({ name: "reader" });
  await grant({ user: "reader", role: "reading", rules: reading });
  await using manager = await ManagerProcess.start({ KUBECONFIG: kubeconfig, CONTROLLER_POD_WORKERS: "8", ...alone });
  await manager.says("not allowed to create configmaps: grant");
  await manager.ready();
  await eventually("every Pod is tried again", async () =>
    samplesOf(await manager.scrape()).some(
      ({ name, labels, value }) =>
        name.endsWith("reconciliation_errors_total") && labels.error_type === "forbidden" && value > 40,
    ),
  );
  await grant({ user: "reader", role: "creating", rules: writing.slice(0, 1) });
  await manager.says("not allowed to update podconfigmapconfigs/status: grant");
  await eventuallyExact(namespace);
  await grant({ user: "reader", role: "reporting", rules: writing.slice(1) });
  await namespace.settled("app");
  expect(manager.lines).toHaveLength(2);
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
});

/** The environment of a manager whose ConfigMaps are held on their way to the API server. */
const holdingWrites = async (namespace: Awaited<ReturnType<typeof withPod>>) => {
  const proxy = await world.proxy();
  const held = proxy.rule({
    match: { verb: "create", path: new RegExp(`${namespace.name}/configmaps`) },
    action: { type: "hold" },
  });
  const env = { KUBECONFIG: await kubeconfigOf(proxy), WATCH_NAMESPACES: namespace.name, LOG_LEVEL: "info" };
  return { held, env };
};

test("SIGTERM lets a write under way finish, begins no other, and ends with 0", async () => {
  const namespace = await withPod();
  await namespace.createPod("later");
  const { held, env } = await holdingWrites(namespace);
  await using manager = await ManagerProcess.start(env);
  await eventually("a write is under way", () => held.hits > 0);
  manager.kill("SIGTERM");
  await manager.says("stopping: reconciles under way may finish");
  held.release();
  expect(await manager.exit).toEqual({ code: 0, signal: null });
  expect(held.hits).toBe(1);
  expect((await namespace.list("configmaps")).filter(({ metadata }) => metadata.name.endsWith("-cfg"))).toHaveLength(1);
  expect(manager.lines.filter((line) => /^[EW]/.test(line))).toEqual([]);
});

test("a second SIGTERM ends it though a write is under way that never ends", async () => {
  const namespace = await withPod();
  const { held, env } = await holdingWrites(namespace);
  await using manager = await ManagerProcess.start(env);
  await eventually("a write is under way", () => held.hits > 0);
  manager.kill("SIGTERM");
  await manager.says("stopping: reconciles under way may finish");
  manager.kill("SIGTERM");
  expect(await manager.exit).toEqual({ code: 0, signal: null });
  await manager.says("stopped before all reconciles had finished");
});
