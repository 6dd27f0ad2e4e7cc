/*
 * Real Deployments: Kubernetes' own controllers make and remove the Pods, on a simulated node.
 *
 * Invariants:
 * - Once a Deployment has settled, its Role names exactly its Pods, however it came there.
 * - A rollout is few writes; a change by itself is written within a second.
 * - What was made for a Deployment goes with it, whichever way it goes.
 */
import type { AuditEvent } from "@pcmc/devcluster";
import { expect, test } from "vitest";
import { markedUidOf } from "../../src/podlogreader/names.ts";
import { isRolling } from "../../src/podlogreader/pace.ts";
import { answeredAt, gapsBetween, lastOf, receivedAt } from "../podlogreader/support/audit-times.ts";
import type { RunningReader } from "../podlogreader/support/running-reader.ts";
import { useScene } from "../podlogreader/support/scene.ts";
import type { Shop } from "../podlogreader/support/shop.ts";
import { withinThreeTries } from "../podlogreader/support/tries.ts";
import { eventually } from "./support/eventually.ts";

const scene = useScene({ workloads: true });

const ROLE = "podlogreader-web";
const KINDS = ["rolebindings", "roles", "serviceaccounts"] as const;
const PATIENCE = { deadline: 90_000 };

/** Waits until a Deployment of so many replicas is done; returns the names of all Pods of the namespace. */
const rolledOut = async (shop: Shop, replicas: number): Promise<readonly string[]> =>
  eventually(
    `the Deployment is done, with ${replicas} Pods`,
    async () => {
      const pods = await shop.list("pods");
      const isDone = !isRolling(await shop.get("deployments", "web")) && pods.length === replicas;
      return isDone && pods.map(({ metadata }) => metadata.name);
    },
    PATIENCE,
  );

const scale = (shop: Shop, replicas: number) => shop.patch("deployments", "web", { spec: { replicas } });

/** Begins a rollout, as `kubectl rollout restart` does. */
const restart = (shop: Shop, version: string) =>
  shop.patch("deployments", "web", { spec: { template: { metadata: { annotations: { version } } } } });

test("the Role follows 3 -> 50 -> 0 -> 3", async () => {
  const shop = await scene.shop();
  await scene.read(shop);
  await shop.deploy("web", { replicas: 3 });
  await shop.grants(ROLE, await rolledOut(shop, 3));
  for (const replicas of [50, 0, 3]) {
    await scale(shop, replicas);
    await shop.grants(ROLE, await rolledOut(shop, replicas));
  }
});

/** What a controller has written to Roles, in order. */
const roleWrites = async (reader: RunningReader): Promise<readonly AuditEvent[]> =>
  (await scene.writes(reader)).filter(({ objectRef }) => objectRef?.resource === "roles");

test("a rollout of 100 Pods is five writes at the most, 5 s apart but for the one at its end, after which no old name is left", () =>
  withinThreeTries(async () => {
    const shop = await scene.shop();
    const reader = await scene.read(shop);
    await shop.deploy("web", { replicas: 100 });
    const old = await rolledOut(shop, 100);
    await shop.grants(ROLE, old);
    // A simulated container is ready at once; this makes the rollout last some seconds, in waves.
    const rollingUpdate = { maxSurge: 10, maxUnavailable: 10 };
    await shop.patch("deployments", "web", { spec: { minReadySeconds: 3, strategy: { rollingUpdate } } });
    await eventually("it is done again", async () => (await rolledOut(shop, 100)).length, PATIENCE);
    const before = (await roleWrites(reader)).length;
    await restart(shop, "2");
    const pods = await eventually(
      "the rollout is done, and no old Pod is left",
      async () => {
        const names = await rolledOut(shop, 100);
        return names.every((name) => !old.includes(name)) && names;
      },
      PATIENCE,
    );
    await shop.grants(ROLE, pods);
    const writes = (await roleWrites(reader)).slice(before);
    // It takes over 10 s, in waves of which some come less than 5 s after the last write.
    expect(writes.length).toBeGreaterThanOrEqual(3);
    expect(writes.length).toBeLessThanOrEqual(5);
    // As the controller measures them; between two requests as they arrive it can be a little less.
    for (const gap of gapsBetween(writes).slice(0, -1)) expect(gap).toBeGreaterThan(4_800);
  }));

test("a Pod that goes from a steady Deployment is out of the Role within a second", () =>
  withinThreeTries(async () => {
    const shop = await scene.shop();
    const reader = await scene.read(shop);
    await shop.deploy("web", { replicas: 3 });
    const [pod = "", ...others] = await rolledOut(shop, 3);
    await shop.grants(ROLE, [pod, ...others]);
    await eventually("the rollout is long over", async () => {
      const last = (await roleWrites(reader)).at(-1);
      return last !== undefined && Date.now() - receivedAt(last) > 5_000;
    });
    const before = (await roleWrites(reader)).length;
    await shop.remove("pods", pod);
    await eventually("it is out of the Role", async () => !(await shop.readable(ROLE))?.includes(pod));
    const [write] = (await roleWrites(reader)).slice(before);
    if (write === undefined) throw new Error("there was a write");
    const removal = lastOf(await scene.cluster.auditEvents(), {
      verb: "delete",
      resource: "pods",
      namespace: shop.name,
    });
    expect(answeredAt(write) - answeredAt(removal)).toBeLessThan(1_000);
  }));

test("a Pod that is deleted, and one that fails, are right in the Role with what replaces them", async () => {
  const shop = await scene.shop();
  await scene.read(shop);
  await shop.deploy("web", { replicas: 2 });
  const [first = "", second = ""] = await rolledOut(shop, 2);
  await shop.grants(ROLE, [first, second]);
  await shop.remove("pods", first);
  await eventually("it has been replaced", async () => !(await rolledOut(shop, 2)).includes(first));
  await shop.grants(ROLE, await rolledOut(shop, 2));
  // A failed Pod stays, and so does the access to what it said last; its ReplicaSet makes another one.
  await shop.patchStatus("pods", second, { phase: "Failed" });
  const all = await rolledOut(shop, 3);
  expect(all).toContain(second);
  await shop.grants(ROLE, all);
});

test("the ServiceAccount can read the logs of current Pods, of no other Pod, and nothing else", async () => {
  const shop = await scene.shop();
  await scene.read(shop, { createSaAndRoleBinding: true });
  await shop.deploy("web", { replicas: 2 });
  await shop.create("pods", {
    metadata: { name: "db-0" },
    spec: { containers: [{ name: "db", image: "example.com/db" }] },
  });
  await eventually("it is bound", () => shop.get("rolebindings", ROLE));
  const [pod = "", other = ""] = (await rolledOut(shop, 3)).filter((name) => name !== "db-0");
  await shop.grants(ROLE, [pod, other]);
  const user = `system:serviceaccount:${shop.name}:${ROLE}`;
  const log = { resource: "pods/log", verb: "get" };
  await eventually("the logs can be read", () => shop.allows(user, { ...log, name: pod }));
  expect(await shop.allows(user, { resource: "pods", verb: "list" })).toBe(true);
  for (const question of [
    log,
    { ...log, name: "db-0" },
    { resource: "pods", verb: "get", name: pod },
    { resource: "pods/exec", verb: "create", name: pod },
    { resource: "pods", verb: "delete", name: pod },
    { resource: "secrets", verb: "get", name: "any" },
  ]) {
    expect(await shop.allows(user, question), JSON.stringify(question)).toBe(false);
  }
  await restart(shop, "2");
  await eventually("the old name is refused", async () => !(await shop.allows(user, { ...log, name: pod })), PATIENCE);
});

test("what was made for a Deployment goes with it, and one of another name has its own", async () => {
  const shop = await scene.shop();
  await scene.read(shop, { createSaAndRoleBinding: true });
  await shop.deploy("web");
  await eventually("it is bound", () => shop.get("rolebindings", ROLE));
  // A Deployment cannot be renamed: it is deleted, and another one made.
  await shop.remove("deployments", "web", { propagationPolicy: "Background" });
  await shop.deploy("shop");
  for (const kind of KINDS) await shop.gone(kind, ROLE);
  await eventually("the other one is bound", () => shop.get("rolebindings", "podlogreader-shop"));
});

test("what was made for a Deployment goes also when it is deleted with --cascade=orphan, and its Pods stay", async () => {
  const shop = await scene.shop();
  await scene.read(shop, { createSaAndRoleBinding: true });
  await shop.deploy("web", { replicas: 2 });
  const pods = await rolledOut(shop, 2);
  await shop.grants(ROLE, pods);
  await shop.remove("deployments", "web", { propagationPolicy: "Orphan" });
  for (const kind of KINDS) await shop.gone(kind, ROLE);
  expect((await shop.list("pods")).map(({ metadata }) => metadata.name)).toEqual(pods);
});

test("a Deployment that takes over ReplicaSets after an orphaning delete has their Pods", async () => {
  const shop = await scene.shop();
  await scene.read(shop);
  await shop.deploy("web", { replicas: 2 });
  const pods = await rolledOut(shop, 2);
  await shop.grants(ROLE, pods);
  await shop.remove("deployments", "web", { propagationPolicy: "Orphan" });
  await shop.gone("deployments", "web");
  const { uid } = (await shop.deploy("web", { replicas: 2 })).metadata;
  await eventually(
    "the Role is the new one's",
    async () => markedUidOf((await shop.get("roles", ROLE)).metadata) === uid,
  );
  await shop.grants(ROLE, await rolledOut(shop, 2));
});

test("a namespace that is deleted goes without a complaint", async () => {
  const shop = await scene.shop();
  const reader = await scene.read(shop, { createSaAndRoleBinding: true });
  await shop.deploy("web", { replicas: 2 });
  await eventually("it is bound", () => shop.get("rolebindings", ROLE));
  await scene.cluster.request("DELETE", `/api/v1/namespaces/${shop.name}`);
  await eventually("the namespace is gone", async () => {
    const names = await scene.cluster.request<{ items: { metadata: { name: string } }[] }>("GET", "/api/v1/namespaces");
    return names.items.every(({ metadata }) => metadata.name !== shop.name);
  });
  expect(reader.linesOf("warning")).toEqual([]);
});
