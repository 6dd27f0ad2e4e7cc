/*
 * Whose Pods, whose Roles: on a real API server on which nothing else runs, so that what is forged stays as it was forged.
 *
 * Invariants:
 * - A Pod gives access only by UIDs through a ReplicaSet to the Deployment; names and labels alone give none.
 * - What does not bear our marks is never touched, and said once on the Deployment.
 * - Whatever happened while nothing ran is repaired, and what is right is not written again.
 */
import { expect, test } from "vitest";
import { DEPLOYMENT, MANAGED_BY, nameFor, OWNER_UID } from "../../src/podlogreader/names.ts";
import { useScene } from "../podlogreader/support/scene.ts";
import { rulesOf, type Shop } from "../podlogreader/support/shop.ts";
import { eventually } from "./support/eventually.ts";

const scene = useScene({ workloads: false });

const ROLE = "podlogreader-web";
const RBAC = "rbac.authorization.k8s.io";
const WITH_ACCOUNT = { createSaAndRoleBinding: true };

/** A steady Deployment `web` with Pods of these names. */
const deployed = async (shop: Shop, pods: readonly string[], name = "web") => {
  const deployment = await shop.deploy(name, { replicas: pods.length });
  const set = await shop.createReplicaSet(deployment);
  for (const pod of pods) await shop.createPod(set, pod);
  await shop.settle(name);
  return { deployment, set };
};

/** A Role as somebody else has it. */
const foreignRole = (pods: readonly string[]) => ({
  metadata: { name: ROLE },
  rules: rulesOf(pods),
});

const bindingTo = (subjects: readonly object[], roleRef: object = {}) => ({
  metadata: { name: ROLE },
  roleRef: { apiGroup: RBAC, kind: "Role", name: ROLE, ...roleRef },
  subjects: subjects as { kind: string; name: string }[],
});

const accountOf = ({ name }: Shop) => ({ kind: "ServiceAccount", name: ROLE, namespace: name });
const EVE = { kind: "User", name: "eve", apiGroup: RBAC };

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
  await shop.patch("pods", "web-1a2b-failed", { status: { phase: "Failed" } });
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

test("another Pod that takes a name while the Deployment rolls is not readable by it", async () => {
  const shop = await scene.shop();
  const { set } = await deployed(shop, ["web-1a2b-a", "web-1a2b-b"]);
  await scene.read(shop);
  await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-b"]);
  // From now on it rolls for good: nobody makes the third replica.
  await shop.patch("deployments", "web", { spec: { replicas: 3 } });
  await shop.remove("pods", "web-1a2b-a");
  await shop.createPod(set, "web-1a2b-a", { ownerReferences: [], labels: {} });
  await shop.grants(ROLE, ["web-1a2b-b"]);
});

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

test("ServiceAccount and RoleBinding come with the flag and go without it", async () => {
  const shop = await scene.shop();
  await deployed(shop, ["web-1a2b-a"]);
  const first = await scene.read(shop, WITH_ACCOUNT);
  const binding = await eventually("the RoleBinding is there", () => shop.get("rolebindings", ROLE));
  expect(binding.roleRef).toEqual({ apiGroup: RBAC, kind: "Role", name: ROLE });
  expect(binding.subjects).toEqual([accountOf(shop)]);
  const account = await shop.get("serviceaccounts", ROLE);
  for (const { metadata } of [binding, account])
    expect(metadata.labels).toEqual({ [MANAGED_BY.label]: MANAGED_BY.value });
  await first.stop();
  await scene.read(shop);
  await shop.gone("rolebindings", ROLE);
  await shop.gone("serviceaccounts", ROLE);
  expect(await shop.readable(ROLE)).toEqual(["web-1a2b-a"]);
});

test("ServiceAccount and RoleBinding of others stay as they are, and are told of once", async () => {
  const shop = await scene.shop();
  const account = await shop.create("serviceaccounts", { metadata: { name: ROLE, labels: { team: "checkout" } } });
  const binding = await shop.create("rolebindings", bindingTo([EVE]));
  await deployed(shop, ["web-1a2b-a"]);
  await scene.read(shop, { ...WITH_ACCOUNT, recheckPeriod: 50 });
  for (const reason of ["ServiceAccountExists", "RoleBindingConflict"]) {
    await eventually(`${reason} is told`, async () => (await shop.eventsOn("web", reason)).length === 1);
  }
  await shop.grants(ROLE, ["web-1a2b-a"]);
  expect(await shop.get("serviceaccounts", ROLE)).toEqual(account);
  expect(await shop.get("rolebindings", ROLE)).toEqual(binding);
  await shop.remove("deployments", "web");
  await shop.gone("roles", ROLE);
  expect(await shop.get("serviceaccounts", ROLE)).toEqual(account);
  expect(await shop.get("rolebindings", ROLE)).toEqual(binding);
});

test("a Role of others is left as it is, bound to nobody by us, told of once, and replaced when it is gone", async () => {
  const shop = await scene.shop();
  const role = await shop.create("roles", foreignRole(["some-other-pod"]));
  await deployed(shop, ["web-1a2b-a"]);
  const reader = await scene.read(shop, { ...WITH_ACCOUNT, recheckPeriod: 50 });
  await eventually("the conflict is told", async () => (await shop.eventsOn("web", "RoleConflict")).length === 1);
  const looks = await reader.reconciles();
  await eventually("it has been looked at again", async () => (await reader.reconciles()) > looks + 3);
  expect(await shop.eventsOn("web")).toHaveLength(1);
  expect(await shop.get("roles", ROLE)).toEqual(role);
  expect(await shop.lacks("rolebindings", ROLE)).toBe(true);
  // It is read, not run into.
  expect((await scene.writes(reader)).length).toBe(1);
  await shop.remove("roles", ROLE);
  await shop.grants(ROLE, ["web-1a2b-a"]);
  await eventually("it is bound", () => shop.get("rolebindings", ROLE));
});

test("a RoleBinding of ours does not give a Role that somebody else has put under the name", async () => {
  const shop = await scene.shop();
  await deployed(shop, ["web-1a2b-a"]);
  const first = await scene.read(shop, WITH_ACCOUNT);
  await eventually("it is bound", () => shop.get("rolebindings", ROLE));
  await first.stop();
  await shop.remove("roles", ROLE);
  await shop.create("roles", {
    metadata: { name: ROLE },
    rules: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }],
  });
  await scene.read(shop, WITH_ACCOUNT);
  await shop.gone("rolebindings", ROLE);
  expect((await shop.get("roles", ROLE)).rules?.[0]?.resources).toEqual(["secrets"]);
});

test("a Role of an older podlogreader is adopted where rules and binding are exactly ours", async () => {
  const shop = await scene.shop();
  const { set } = await deployed(shop, ["web-1a2b-b", "web-1a2b-a"]);
  const { metadata } = await shop.create("roles", foreignRole(["web-1a2b-b", "web-1a2b-a"]));
  const binding = await shop.create("rolebindings", bindingTo([accountOf(shop)]));
  await scene.read(shop);
  await eventually("it is marked", async () => {
    const { labels, uid } = (await shop.get("roles", ROLE)).metadata;
    return uid === metadata.uid && labels?.[MANAGED_BY.label] === MANAGED_BY.value;
  });
  await shop.createPod(set, "web-1a2b-c");
  await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-b", "web-1a2b-c"]);
  expect(await shop.get("rolebindings", ROLE)).toEqual(binding);
});

test("a Role that an older podlogreader could have made is not adopted where it is bound to somebody else", async () => {
  const shop = await scene.shop();
  await deployed(shop, ["web-1a2b-a"]);
  const role = await shop.create("roles", foreignRole(["web-1a2b-a"]));
  await shop.create("rolebindings", bindingTo([EVE]));
  await scene.read(shop);
  await eventually("the conflict is told", async () => (await shop.eventsOn("web", "RoleConflict")).length === 1);
  expect(await shop.get("roles", ROLE)).toEqual(role);
});

test("a Role edited by hand, deleted by hand, or without its label, is put right", async () => {
  const shop = await scene.shop();
  await deployed(shop, ["web-1a2b-a"]);
  await scene.read(shop, { recheckPeriod: 50 });
  await shop.grants(ROLE, ["web-1a2b-a"]);
  await shop.patch("roles", ROLE, { rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }] });
  await shop.grants(ROLE, ["web-1a2b-a"]);
  expect((await shop.get("roles", ROLE)).rules).toEqual(rulesOf(["web-1a2b-a"]));
  await shop.patch("roles", ROLE, { metadata: { ownerReferences: null } });
  const owned = async () => (await shop.get("roles", ROLE)).metadata.ownerReferences?.length === 1;
  await eventually("it is owned again", owned);
  await shop.patch("roles", ROLE, { metadata: { labels: { [MANAGED_BY.label]: null } } });
  const isMarked = async () => (await shop.get("roles", ROLE)).metadata.labels?.[MANAGED_BY.label] === MANAGED_BY.value;
  await eventually("it has its label again", isMarked);
  await shop.remove("roles", ROLE);
  await shop.grants(ROLE, ["web-1a2b-a"]);
});

test("a RoleBinding edited by hand is put right", async () => {
  const shop = await scene.shop();
  await deployed(shop, ["web-1a2b-a"]);
  await scene.read(shop, WITH_ACCOUNT);
  await eventually("it is bound", () => shop.get("rolebindings", ROLE));
  await shop.patch("rolebindings", ROLE, { subjects: [EVE] });
  await eventually("it is the ServiceAccount's again", async () => {
    const { subjects } = await shop.get("rolebindings", ROLE);
    return JSON.stringify(subjects) === JSON.stringify([accountOf(shop)]);
  });
});

test("a RoleBinding with our marks that gives another role is made anew", async () => {
  const shop = await scene.shop();
  await deployed(shop, ["web-1a2b-a"]);
  const first = await scene.read(shop, WITH_ACCOUNT);
  const { metadata } = await eventually("it is bound", () => shop.get("rolebindings", ROLE));
  await first.stop();
  await shop.remove("rolebindings", ROLE);
  const { labels = {}, annotations = {} } = metadata;
  const other = bindingTo([accountOf(shop)], { kind: "ClusterRole", name: "admin" });
  await shop.create("rolebindings", { ...other, metadata: { name: ROLE, labels, annotations } });
  await scene.read(shop, WITH_ACCOUNT);
  await eventually("it gives the Role", async () => (await shop.get("rolebindings", ROLE)).roleRef.kind === "Role");
});

test("a Deployment whose name comes to the shortened name of another does not get its Role", async () => {
  const shop = await scene.shop();
  const long = "d".repeat(241);
  const name = nameFor(long);
  const aimed = name.slice("podlogreader-".length);
  await deployed(shop, ["web-1a2b-a"], long);
  await scene.read(shop, WITH_ACCOUNT);
  await shop.grants(name, ["web-1a2b-a"]);
  const account = await eventually("it is bound", () => shop.get("serviceaccounts", name));
  await deployed(shop, ["evil-1a2b-a"], aimed);
  await eventually("the conflict is told", async () => (await shop.eventsOn(aimed, "RoleConflict")).length === 1);
  expect(await shop.readable(name)).toEqual(["web-1a2b-a"]);
  expect((await shop.get("serviceaccounts", name)).metadata.uid).toBe(account.metadata.uid);
  await shop.remove("deployments", aimed, { propagationPolicy: "Background" });
  await deployed(shop, ["db-1a2b-a"], "db");
  await shop.grants("podlogreader-db", ["db-1a2b-a"]);
  expect(await shop.readable(name)).toEqual(["web-1a2b-a"]);
});

test("only the watched namespaces are served, and metrics count the Roles in them", async () => {
  const [shop, other] = [await scene.shop(), await scene.shop()];
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

test("an object of others is not read again for each Pod that comes", async () => {
  const shop = await scene.shop();
  await shop.create("roles", foreignRole(["some-other-pod"]));
  const { set } = await deployed(shop, ["web-1a2b-a"]);
  const reader = await scene.read(shop, { recheckPeriod: 3_600_000 });
  await eventually("the conflict is told", async () => (await shop.eventsOn("web", "RoleConflict")).length === 1);
  const looks = await reader.reconciles();
  for (const name of ["b", "c", "d"]) {
    const before = await reader.reconciles();
    await shop.createPod(set, `web-1a2b-${name}`);
    await eventually("it has been looked at", async () => (await reader.reconciles()) > before);
  }
  expect(await reader.reconciles()).toBeGreaterThanOrEqual(looks + 3);
  const reads = (await scene.cluster.auditEvents()).filter(
    ({ userAgent, verb, objectRef }) =>
      userAgent === reader.userAgent && verb === "get" && objectRef?.resource === "roles",
  );
  expect(reads).toHaveLength(1);
});

test("without the label on the Pod template nothing is made, and what was made goes with it", async () => {
  const shop = await scene.shop();
  await deployed(shop, ["web-1a2b-a"]);
  await scene.read(shop, WITH_ACCOUNT);
  await eventually("it is bound", () => shop.get("rolebindings", ROLE));
  const template = { metadata: { labels: { "podlogreader-affiliate": null } } };
  await shop.patch("deployments", "web", { spec: { template } });
  for (const kind of ["rolebindings", "roles", "serviceaccounts"] as const) await shop.gone(kind, ROLE);
  await shop.patch("deployments", "web", { metadata: { labels: { "podlogreader-affiliate": "enable" } } });
  await deployed(shop, ["db-1a2b-a"], "db");
  await shop.grants("podlogreader-db", ["db-1a2b-a"]);
  expect(await shop.lacks("roles", ROLE)).toBe(true);
});

test("what lost its ownerReference while nothing ran, and its Deployment, is found again by its marks and removed", async () => {
  const shop = await scene.shop();
  await deployed(shop, ["web-1a2b-a"]);
  const first = await scene.read(shop, WITH_ACCOUNT);
  await eventually("it is bound", () => shop.get("rolebindings", ROLE));
  await first.stop();
  const kinds = ["rolebindings", "roles", "serviceaccounts"] as const;
  for (const kind of kinds) await shop.patch(kind, ROLE, { metadata: { ownerReferences: null } });
  await shop.remove("deployments", "web", { propagationPolicy: "Background" });
  await scene.read(shop, WITH_ACCOUNT);
  for (const kind of kinds) await shop.gone(kind, ROLE);
});

test("a Deployment that was deleted and made again while nothing ran gets a Role and a ServiceAccount of its own", async () => {
  const shop = await scene.shop();
  await deployed(shop, ["web-1a2b-a"]);
  const first = await scene.read(shop, WITH_ACCOUNT);
  await eventually("it is bound", () => shop.get("rolebindings", ROLE));
  const account = await shop.get("serviceaccounts", ROLE);
  await first.stop();
  await shop.remove("deployments", "web", { propagationPolicy: "Background" });
  const { uid } = (await shop.deploy("web")).metadata;
  await scene.read(shop, WITH_ACCOUNT);
  await eventually("the ServiceAccount is another one", async () => {
    const { metadata } = await shop.get("serviceaccounts", ROLE);
    return metadata.uid !== account.metadata.uid && metadata.annotations?.[OWNER_UID] === uid;
  });
  await eventually("the Role is the new Deployment's, and names no Pod of the old one", async () => {
    const { metadata, rules } = await shop.get("roles", ROLE);
    return metadata.annotations?.[OWNER_UID] === uid && rules?.length === 1;
  });
});

test("a restart of what is as it should be writes nothing, foreign objects or not", async () => {
  const shop = await scene.shop();
  for (const name of ["web", "db", "cache"]) await deployed(shop, [`${name}-1a2b-a`], name);
  await shop.create("serviceaccounts", { metadata: { name: "podlogreader-cache" } });
  const first = await scene.read(shop, WITH_ACCOUNT);
  for (const name of ["web", "db", "cache"])
    await eventually(`${name} is bound`, () => shop.get("rolebindings", nameFor(name)));
  await first.stop();
  const before = await shop.list("roles");
  const second = await scene.read(shop, { ...WITH_ACCOUNT, resyncPeriod: 200 });
  await scene.settled(second, 12);
  const writes = (await scene.writes(second)).filter(({ responseStatus }) => (responseStatus?.code ?? 0) < 400);
  expect(writes).toEqual([]);
  expect(await shop.list("roles")).toEqual(before);
});

test("Pods that came and went while nothing ran are right after the next start, with one write", async () => {
  const shop = await scene.shop();
  const { set } = await deployed(shop, ["web-1a2b-a", "web-1a2b-b"]);
  const first = await scene.read(shop);
  await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-b"]);
  await first.stop();
  await shop.remove("pods", "web-1a2b-a");
  await shop.createPod(set, "web-1a2b-c");
  const second = await scene.read(shop);
  await shop.grants(ROLE, ["web-1a2b-b", "web-1a2b-c"]);
  expect(await scene.writes(second)).toHaveLength(1);
});

test("a name that is too long is shortened, and found again by its annotation", async () => {
  const shop = await scene.shop();
  const long = `${"web-".repeat(60)}shop-1`;
  const name = nameFor(long);
  await deployed(shop, ["web-1a2b-a"], long);
  const first = await scene.read(shop, WITH_ACCOUNT);
  await shop.grants(name, ["web-1a2b-a"]);
  await eventually("it is bound", () => shop.get("rolebindings", name));
  expect((await shop.get("roles", name)).metadata.annotations?.[DEPLOYMENT]).toBe(long);
  await first.stop();
  await shop.remove("deployments", long, { propagationPolicy: "Orphan" });
  await scene.read(shop, WITH_ACCOUNT);
  // Without a garbage collector an orphaning delete never ends: its finalizer is taken off as that would.
  await shop.patch("deployments", long, { metadata: { finalizers: null } });
  for (const kind of ["rolebindings", "roles", "serviceaccounts"] as const) await shop.gone(kind, name);
});

test("a Deployment that is being deleted gets nothing new, and its Role still loses names", async () => {
  const shop = await scene.shop();
  await deployed(shop, ["web-1a2b-a", "web-1a2b-b"]);
  await scene.read(shop);
  await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-b"]);
  await shop.remove("deployments", "web", { propagationPolicy: "Foreground" });
  await shop.remove("pods", "web-1a2b-a");
  await shop.grants(ROLE, ["web-1a2b-b"]);
  await shop.remove("roles", ROLE);
  await deployed(shop, ["db-1a2b-a"], "db");
  await shop.grants("podlogreader-db", ["db-1a2b-a"]);
  expect(await shop.lacks("roles", ROLE)).toBe(true);
});
