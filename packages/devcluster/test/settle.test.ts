/** Invariant: what does not come within its time is named, with the end of the log of whoever should have done it. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { resolveAssets } from "../src/assets.ts";
import { ControlPlane } from "../src/control-plane.ts";
import { type KeeperClient, spawnKeeper } from "../src/keeper-client.ts";
import { binariesOf, type ClusterOptions, planCluster } from "../src/options.ts";
import { Pki } from "../src/pki.ts";
import { settle } from "../src/settle.ts";
import { createState, stateRoot } from "../src/state.ts";

let folder: string;
let state: string;
let keeper: KeeperClient;
let controlPlane: ControlPlane;

/** etcd and API server only: nobody does what is waited for. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dc-"));
  state = await createState(stateRoot(folder));
  keeper = spawnKeeper(state);
  const plan = planCluster({ controllerManager: false });
  const binaries = await resolveAssets(binariesOf(plan), {});
  controlPlane = new ControlPlane({ plan, state, keeper, binaries, pki: await Pki.create(state), node: undefined });
  await controlPlane.startAll();
});

afterAll(async () => {
  await controlPlane?.close();
  await keeper?.stop();
  expect(existsSync(state)).toBe(false);
  rmSync(folder, { recursive: true, force: true });
});

const settling = (options: ClusterOptions) =>
  settle({ ...planCluster(options), controllerManager: false, startTimeout: 100 }, controlPlane);

test("a node that is never Ready shows the logs of kubelet and containerd", async () => {
  writeFileSync(join(state, "kubelet.log"), `${"long ago\n".repeat(1000)}kubelet: no such cgroup driver\n`);
  writeFileSync(join(state, "containerd.log"), "containerd: no such plugin\n");
  const failure = await settling({ node: "real" }).catch((error: Error) => error.message);
  expect(failure).toContain("waited 0.1 s and still not: the real node is Ready\n");
  expect(failure).toMatch(/the end of kubelet\.log:\n.*\nkubelet: no such cgroup driver\nthe end of containerd\.log:/s);
  expect(failure).toMatch(/the end of containerd\.log:\ncontainerd: no such plugin$/);
  expect(failure?.length).toBeLessThan(3000);
});

test("a log that is not there is said to be missing", async () => {
  await expect(settling({ nodes: 1 })).rejects.toThrow(/1 simulated nodes are Ready\n.*\nthere is no \S+kwok\.log$/);
});
