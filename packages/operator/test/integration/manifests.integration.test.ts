/*
 * What users apply, on a real API server.
 *
 * Invariants:
 * - crd/ and manifests/ are taken as they are, without a warning, also again when the manager has written its share.
 * - The permissions of manifests/rbac.yaml are enough for all that the manager does, and the log misses none.
 */

import { freePort } from "@pcmc/devcluster";
import { expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { ManagerProcess } from "./support/manager-process.ts";
import { eventuallyExact } from "./support/oracle.ts";
import { shipped } from "./support/shipped-files.ts";
import { creationOf, inSecret, registeredBundle, reviewAt } from "./support/webhook-process.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld();
const files = [...shipped("crd"), ...shipped("manifests")];
/** The default of `--controllers`. */
const ALL_CONTROLLERS: string[] = [];
const SERVER_SIDE = ["--server-side", "--force-conflicts"];

/** A manager as the Deployment runs it, but outside of the cluster. @returns it and the port of its webhooks. */
const startShipped = async () => {
  const { kubeconfig } = await world.cluster.addUser({ name: "system:serviceaccount:default:podconfigmap-controller" });
  const port = await freePort();
  const webhook = { WEBHOOK_ENABLED: "true", WEBHOOK_ADDR: `127.0.0.1:${port}`, POD_NAMESPACE: "default" };
  const manager = await ManagerProcess.start({ KUBECONFIG: kubeconfig, ...webhook }, ALL_CONTROLLERS);
  return { manager, port };
};

test("the manifests are applied without a warning", async () => {
  const applied = await world.cluster.kubectl(["apply", ...SERVER_SIDE, ...files]);
  expect(applied).toMatchObject({ exitCode: 0, stderr: "" });
  const again = await world.cluster.kubectl(["diff", ...SERVER_SIDE, ...files]);
  expect(again).toMatchObject({ exitCode: 0, stdout: "" });
});

test("the shipped ServiceAccount may do all that the manager does", async () => {
  await world.cluster.kubectl(["apply", ...SERVER_SIDE, ...files]);
  const namespace = await world.namespace();
  await namespace.createPod("web", { labels: { app: "web" } });
  await namespace.create("configmaps", { metadata: { name: "pod-web-from-taken-cfg" } });
  await namespace.createConfig("app");
  await namespace.createConfig("taken");
  const { manager, port } = await startShipped();
  await using _ = manager;
  await namespace.settled("app");
  await namespace.patch("podconfigmapconfigs", "app", { spec: { labelsToInclude: ["app"] } });
  await namespace.ready("taken", { status: "False", reason: "ConfigMapConflict" });
  await namespace.remove("podconfigmapconfigs", "taken");
  await eventuallyExact(namespace, { foreign: ["pod-web-from-taken-cfg"] });
  await eventually("Events are there", async () =>
    (await world.cluster.kubectl(["events", "--namespace", namespace.name])).stdout.includes("ConfigMapConflict"),
  );
  await manager.ready();
  // What the API server would send to the Service; author checks are asked about for it.
  const address = {
    port,
    ca: await registeredBundle(world.cluster),
    servername: "podconfigmap-controller-webhook.default.svc",
  };
  const spec = { configMapDataTemplate: { "app.conf": "{{ .podName }}" } };
  const review = creationOf(namespace.name, { metadata: { name: "app" }, spec });
  expect(await reviewAt(address, review)).toMatchObject({ response: { allowed: true } });
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
  expect(manager.lines.filter((line) => /not allowed|forbidden/i.test(line))).toEqual([]);
});

test.each([
  ["server-side", SERVER_SIDE],
  ["client-side", []],
])("manifests that are applied again, %s, leave the registered CA as it is", async (_, flags) => {
  await world.cluster.kubectl(["apply", ...SERVER_SIDE, ...files]);
  const { manager } = await startShipped();
  await using _manager = manager;
  await manager.ready();
  const bundle = await registeredBundle(world.cluster);
  expect(bundle).toContain((await inSecret(world.cluster, "ca.crt")).trim());
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
  expect(await world.cluster.kubectl(["apply", ...flags, ...files])).toMatchObject({ exitCode: 0 });
  expect(await registeredBundle(world.cluster)).toBe(bundle);
});
