/*
 * What users apply, on a real API server.
 *
 * Invariants:
 * - crd/ and manifests/ are taken as they are, without a warning.
 * - The permissions of manifests/rbac.yaml are enough for all that the manager does, and the log misses none.
 */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { ManagerProcess } from "./support/manager-process.ts";
import { eventuallyExact } from "./support/oracle.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld();
const folder = (name: string) => fileURLToPath(new URL(`../../../../${name}`, import.meta.url));

test("the manifests are applied without a warning", async () => {
  const applied = await world.cluster.kubectl([
    "apply",
    "--server-side",
    "--force-conflicts",
    "--filename",
    folder("crd"),
    "--filename",
    folder("manifests"),
  ]);
  expect(applied).toMatchObject({ exitCode: 0, stderr: "" });
  const again = await world.cluster.kubectl([
    "diff",
    "--server-side",
    "--force-conflicts",
    "--filename",
    folder("crd"),
    "--filename",
    folder("manifests"),
  ]);
  expect(again).toMatchObject({ exitCode: 0, stdout: "" });
});

test("the shipped ServiceAccount may do all that the manager does", async () => {
  await world.cluster.kubectl([
    "apply",
    "--server-side",
    "--force-conflicts",
    "--filename",
    folder("manifests/rbac.yaml"),
  ]);
  const account = "system:serviceaccount:default:podconfigmap-controller";
  const { kubeconfig } = await world.cluster.addUser({ name: account });
  const namespace = await world.namespace();
  await namespace.createPod("web", { labels: { app: "web" } });
  await namespace.create("configmaps", { metadata: { name: "pod-web-from-taken-cfg" } });
  await namespace.createConfig("app");
  await namespace.createConfig("taken");
  await using manager = await ManagerProcess.start({ KUBECONFIG: kubeconfig });
  await namespace.settled("app");
  await namespace.patch("podconfigmapconfigs", "app", { spec: { labelsToInclude: ["app"] } });
  await namespace.ready("taken", { status: "False", reason: "ConfigMapConflict" });
  await namespace.remove("podconfigmapconfigs", "taken");
  await eventuallyExact(namespace, { foreign: ["pod-web-from-taken-cfg"] });
  await eventually("Events are there", async () =>
    (await world.cluster.kubectl(["events", "--namespace", namespace.name])).stdout.includes("ConfigMapConflict"),
  );
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
  expect(manager.lines.filter((line) => line.includes("not allowed"))).toEqual([]);
});
