/*
 * Whose Pods: on a real API server on which nothing else runs, so that what is forged stays as it was forged.
 *
 * Invariants:
 * - A Pod gives access only by UIDs through a ReplicaSet to the Deployment; names and labels alone give none.
 * - A Role never lets anybody read a Pod that is not the Deployment's, whichever name that Pod takes.
 */
import { expect, test } from "vitest";
import { marksFor } from "../../src/podlogreader/names.ts";
import { lastOf, receivedAt } from "../podlogreader/support/audit-times.ts";
import { deployed, ROLE, WITH_ACCOUNT } from "../podlogreader/support/by-hand.ts";
import { useScene } from "../podlogreader/support/scene.ts";
import { rulesOf } from "../podlogreader/support/shop.ts";
import { withinThreeTries } from "../podlogreader/support/tries.ts";
import { eventually } from "./support/eventually.ts";

const scene = useScene({ workloads: false });

test("a Role names exactly the Pods that UIDs lead to, and no look-alike", async () => {
  const shop = await scene.shop();
  const { set } = await deployed(shop, ["web-1a2b-a", "web-1a2b-b"]);
  const { labels = {}, ownerReferences = [] } = (await shop.get("pods", "web-1a2b-a")).metadata;
  await shop.createPod(set, "web-1a2b-alike", { ownerReferences: [] });
  const [reference] = ownerReferences;
  if (reference === undefined) throw new Error("a Pod has its controller");
  await shop.createPod(set, "web-1a2b-name", {
    ownerReferences: [{ ...reference, uid: "11111111-0000-0000-0000-000000000000" }],
  });
  await shop.createPod(set, "web-1a2b-kind", { ownerReferences: [{ ...reference, kind: "StatefulSet" }] });
  await shop.createPod(set, "web-1a2b-owner", { ownerReferences: [{ ...reference, controller: false }] });
  await scene.read(shop);
  await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-b"]);
  expect(labels["pod-template-hash"]).toBe("1a2b");
  expect((await shop.get("roles", ROLE)).rules).toEqual(rulesOf(["web-1a2b-a", "web-1a2b-b"]));
});

test("a Pod on which somebody forges the UID of the ReplicaSet gives no access, unless Kubernetes would take it for the Deployment's too", async () => {
  const shop = await scene.shop();
  const { set } = await deployed(shop, ["web-1a2b-a"]);
  await shop.createPod(set, "victim", { ownerReferences: [], labels: { app: "db" } });
  await scene.read(shop);
  await shop.grants(ROLE, ["web-1a2b-a"]);
  const { name, uid } = set.metadata;
  const ownerReferences = [{ apiVersion: "apps/v1", kind: "ReplicaSet", name, uid, controller: true }];
  await shop.patch("pods", "victim", { metadata: { ownerReferences } });
  // What comes after it shows that it has been seen.
  await shop.createPod(set, "web-1a2b-b");
  await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-b"]);
  await shop.patch("pods", "victim", { metadata: { labels: { ...set.metadata.labels } } });
  await shop.grants(ROLE, ["victim", "web-1a2b-a", "web-1a2b-b"]);
});

test("a Pod that its ReplicaSet releases gives no access any more, though it goes on", async () => {
  const shop = await scene.shop();
  await deployed(shop, ["web-1a2b-a", "web-1a2b-b"]);
  await scene.read(shop);
  await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-b"]);
  await shop.patch("pods", "web-1a2b-a", { metadata: { ownerReferences: null, labels: { app: "debug" } } });
  await shop.grants(ROLE, ["web-1a2b-b"]);
});

test("failed Pods and Pods that are terminating count until they are gone", async () => {
  const shop = await scene.shop();
  const { set } = await deployed(shop, ["web-1a2b-a"]);
  await shop.createPod(set, "web-1a2b-failed");
  await shop.patchStatus("pods", "web-1a2b-failed", { phase: "Failed" });
  await shop.createPod(set, "web-1a2b-held", { finalizers: ["example.com/hold"] });
  await shop.remove("pods", "web-1a2b-held");
  await scene.read(shop);
  await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-failed", "web-1a2b-held"]);
  await shop.patch("pods", "web-1a2b-held", { metadata: { finalizers: null } });
  await shop.remove("pods", "web-1a2b-failed");
  await shop.grants(ROLE, ["web-1a2b-a"]);
});

test("a Role without Pods has no rule on logs, and lets nobody read any", async () => {
  const shop = await scene.shop();
  await deployed(shop, ["web-1a2b-a"]);
  await scene.read(shop, WITH_ACCOUNT);
  await shop.grants(ROLE, ["web-1a2b-a"]);
  const user = `system:serviceaccount:${shop.name}:${ROLE}`;
  const read = { verb: "get", resource: "pods/log" };
  await eventually("the log can be read", () => shop.allows(user, { ...read, name: "web-1a2b-a" }));
  await shop.remove("pods", "web-1a2b-a");
  await eventually("only the rule on lists is left", async () => (await shop.get("roles", ROLE)).rules?.length === 1);
  await eventually("the log cannot be read", async () => !(await shop.allows(user, { ...read, name: "web-1a2b-a" })));
  expect(await shop.allows(user, read)).toBe(false);
});

test("another Pod that takes a name while the Deployment rolls is out of the Role then, not with the next write of the rollout", () =>
  withinThreeTries(async () => {
    const shop = await scene.shop();
    const { set } = await deployed(shop, ["web-1a2b-a", "web-1a2b-b"]);
    const reader = await scene.read(shop);
    await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-b"]);
    // From now on it rolls for good: nobody makes the fourth replica. The next write after this one is due in 5 s.
    await shop.patch("deployments", "web", { spec: { replicas: 4 } });
    await shop.createPod(set, "web-1a2b-c");
    await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-b", "web-1a2b-c"]);
    const looks = await reader.reconciles();
    await shop.remove("pods", "web-1a2b-a");
    await eventually("the removal has been seen", async () => (await reader.reconciles()) > looks);
    expect(await shop.readable(ROLE)).toContain("web-1a2b-a");
    await shop.createPod(set, "web-1a2b-a", { ownerReferences: [], labels: {} });
    await shop.grants(ROLE, ["web-1a2b-b", "web-1a2b-c"]);
    const [before, after] = (await scene.writes(reader)).slice(-2);
    if (before === undefined || after === undefined) throw new Error("there were two writes");
    const pods = { verb: "create", resource: "pods", namespace: shop.name };
    const impostor = lastOf(await scene.cluster.auditEvents(), pods);
    expect(receivedAt(after) - receivedAt(impostor)).toBeLessThan(3_000);
    // Later than that it could be the rollout's.
    expect(receivedAt(after) - receivedAt(before)).toBeLessThan(4_500);
  }));

test("a new Pod of an old name, of the Deployment again, is readable", async () => {
  const shop = await scene.shop();
  const { set } = await deployed(shop, ["web-1a2b-a"]);
  const reader = await scene.read(shop);
  await shop.grants(ROLE, ["web-1a2b-a"]);
  await shop.remove("pods", "web-1a2b-a");
  await shop.createPod(set, "web-1a2b-a");
  await shop.createPod(set, "web-1a2b-b");
  await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-b"]);
  expect((await scene.writes(reader)).length).toBeLessThanOrEqual(3);
});

test("with --allow-pod-get the same Pods can be got, and no longer when it is switched off", async () => {
  const shop = await scene.shop();
  await deployed(shop, ["web-1a2b-a"]);
  const first = await scene.read(shop, { allowPodGet: true });
  const get = { apiGroups: [""], resources: ["pods"], resourceNames: ["web-1a2b-a"], verbs: ["get"] };
  await eventually("the third rule is there", async () => (await shop.get("roles", ROLE)).rules?.length === 3);
  expect((await shop.get("roles", ROLE)).rules).toEqual([...rulesOf(["web-1a2b-a"]), get]);
  await first.stop();
  await scene.read(shop);
  await eventually("the third rule is gone", async () => (await shop.get("roles", ROLE)).rules?.length === 2);
});

test("only the watched namespaces are served, and metrics count the Roles of ours in them", async () => {
  const [shop, other] = [await scene.shop(), await scene.shop()];
  const { labels, annotations } = marksFor({ name: "web", namespace: shop.name, uid: "any" });
  await shop.create("roles", { metadata: { name: "not-of-that-name", labels, annotations } });
  for (const each of [other, shop]) await deployed(each, ["web-1a2b-a"]);
  const reader = await scene.read(shop, WITH_ACCOUNT);
  await eventually("it is bound", () => shop.get("rolebindings", ROLE));
  for (const kind of ["roles", "rolebindings"] as const) expect(await other.list(kind)).toEqual([]);
  expect(await other.lacks("serviceaccounts", ROLE)).toBe(true);
  const lines = (await reader.scrape()).split("\n");
  const prefix = "podconfigmap_controller_podlogreader";
  expect(lines).toContain(`${prefix}_roles{namespace="${shop.name}"} 1`);
  expect(lines.filter((line) => line.startsWith(`${prefix}_roles{`))).toHaveLength(1);
  for (const resource of ["roles", "rolebindings", "serviceaccounts"]) {
    expect(lines).toContain(`${prefix}_operations_total{operation="create",resource="${resource}",result="success"} 1`);
  }
});
