/*
 * Names that are taken: on a real API server on which nothing else runs.
 *
 * Invariants:
 * - What does not bear our marks is never touched, and said once on the Deployment.
 * - What is not ours is bound to nobody by us.
 * - A Role of an older podlogreader becomes ours where it is exactly what we would write.
 */
import { expect, test } from "vitest";
import { MANAGED_BY, nameFor } from "../../src/podlogreader/names.ts";
import {
  accountOf,
  bindingTo,
  deployed,
  EVE,
  foreignRole,
  ROLE,
  WITH_ACCOUNT,
} from "../podlogreader/support/by-hand.ts";
import { useScene } from "../podlogreader/support/scene.ts";
import { eventually } from "./support/eventually.ts";

const scene = useScene({ workloads: false });

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
