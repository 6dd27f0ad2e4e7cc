/*
 * `make install-crd deploy undeploy uninstall-crd`, with kubectl, on a real API server.
 *
 * Invariants:
 * - deploy brings the manager with the image that is named, and all that it needs; without one, that of the manifests.
 * - undeploy leaves the CRDs and what users made, and nothing else of ours; uninstall-crd takes these too.
 * - Each can be run again.
 */
import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type Cluster, resolveAssets, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../integration/support/eventually.ts";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const MANAGER = "deployment/podconfigmap-controller";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.stop());

/** @throws with what it printed when it fails. */
const make = async (...args: readonly string[]): Promise<void> => {
  const { kubectl = "" } = await resolveAssets(["kubectl"]);
  const env = {
    PATH: `${dirname(kubectl)}:${process.env.PATH}`,
    KUBECONFIG: cluster.kubeconfig,
    HOME: cluster.stateDir,
  };
  await promisify(execFile)("make", args, { cwd: ROOT, env });
};

const get = async (...args: readonly string[]): Promise<string> =>
  (await cluster.kubectl(["get", ...args, "--ignore-not-found"])).stdout.trim();

const imageOf = () => get(MANAGER, "--output=jsonpath={.spec.template.spec.containers[*].image}");

/** All kinds that deploy makes, by the label that all its objects have. */
const ours = () => {
  const kinds = "deploy,svc,sa,role,rolebinding,pdb,clusterrole,clusterrolebinding,validatingwebhookconfiguration";
  const label = "--selector=app.kubernetes.io/name=podconfigmap-controller";
  return get(`${kinds},mutatingwebhookconfiguration`, "--all-namespaces", label, "--output=name");
};

test("what deploy brings runs the image that is named, and undeploy takes all but the CRDs", async () => {
  await make("deploy", "IMG=registry.example.com/pcmc/manager:1.2.3");
  expect(await imageOf()).toBe("registry.example.com/pcmc/manager:1.2.3");
  await make("deploy");
  expect(await imageOf()).toBe("podconfigmap-controller:0.1.0");
  // JSON: kubectl 1.29 takes YAML that begins with a brace for it.
  const kept = { apiVersion: "podconfig.example.com/v1alpha1", kind: "PodConfigMapConfig", metadata: { name: "kept" } };
  const input = JSON.stringify(kept);
  await eventually("the definition that deploy brings is served", async () => {
    const { exitCode, stderr } = await cluster.kubectl(["apply", "-f", "-"], { input });
    if (exitCode !== 0) throw new Error(stderr);
    return true;
  });
  await make("undeploy");
  expect(await ours()).toBe("");
  expect(await get("podconfigmapconfigs", "--output=name")).toBe("podconfigmapconfig.podconfig.example.com/kept");
  await make("undeploy");
  await make("uninstall-crd");
  expect(await get("customresourcedefinitions", "--output=name")).toBe("");
}, 180_000);
