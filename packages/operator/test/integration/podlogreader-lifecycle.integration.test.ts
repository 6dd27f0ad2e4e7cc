/*
 * What comes and goes with a Deployment, its label and the settings: on a real API server on which nothing else runs, garbage
 * collection included.
 *
 * Invariants:
 * - Whatever happened while nothing ran is repaired, and what is right is not written again.
 * - What was made goes with what it was made for.
 */
import { expect, test } from "vitest";
import { DEPLOYMENT, MANAGED_BY, nameFor, OWNER_UID } from "../../src/podlogreader/names.ts";
import { accountOf, deployed, RBAC, ROLE, WITH_ACCOUNT } from "../podlogreader/support/by-hand.ts";
import { useScene } from "../podlogreader/support/scene.ts";
import { eventually } from "./support/eventually.ts";

const scene = useScene({ workloads: false });

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
