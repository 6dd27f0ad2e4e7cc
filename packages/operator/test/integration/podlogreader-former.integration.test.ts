/*
 * Who could read an earlier Deployment of the name, or could read this one until a setting was changed: on a real API server on
 * which nothing else runs, so that nobody else takes their rights away.
 *
 * Invariants:
 * - A Role names no Pod as long as anybody has the RoleBinding or the ServiceAccount of an earlier Deployment.
 * - Nothing is bound before the ServiceAccount is this Deployment's.
 * - The way in is shut before anything else is done.
 */
import { expect, test } from "vitest";
import { OWNER_UID } from "../../src/podlogreader/names.ts";
import { deployed, KINDS, ROLE, WITH_ACCOUNT } from "../podlogreader/support/by-hand.ts";
import type { RunningReader } from "../podlogreader/support/running-reader.ts";
import { useScene } from "../podlogreader/support/scene.ts";
import type { Shop } from "../podlogreader/support/shop.ts";
import { TokenHolder } from "../podlogreader/support/token-holder.ts";
import { eventually } from "./support/eventually.ts";

const scene = useScene({ workloads: false });

const HOLD = { metadata: { finalizers: ["example.com/hold"] } };
const LET_GO = { metadata: { finalizers: null } };
const REFUSED = [401, 403];

/** What a controller has written without being refused, in order: `create roles`. */
const writesOf = async (reader: RunningReader): Promise<string[]> => {
  const written = (await scene.writes(reader)).filter(({ responseStatus }) => (responseStatus?.code ?? 0) < 400);
  return written.map(({ verb, objectRef }) => `${verb} ${objectRef?.resource}`);
};

/** A Deployment that has been served, somebody with a token of its ServiceAccount, and nobody who serves it any more. */
const served = async (shop: Shop): Promise<TokenHolder> => {
  await deployed(shop, ["web-1a2b-a"]);
  const first = await scene.read(shop, WITH_ACCOUNT);
  await eventually("it is bound", () => shop.get("rolebindings", ROLE));
  const holder = await TokenHolder.of(scene.cluster, { shop, account: ROLE });
  await eventually("the token is good", async () => !REFUSED.includes(await holder.logOf(shop, "web-1a2b-a")));
  await first.stop();
  return holder;
};

/** The same name, another Deployment. */
const madeAgain = async (shop: Shop): Promise<string> => {
  await shop.remove("deployments", "web", { propagationPolicy: "Background" });
  const { deployment } = await deployed(shop, ["web-3c4d-a"]);
  return deployment.metadata.uid;
};

const isBoundAgain = (shop: Shop, uid: string) =>
  eventually("all is the new Deployment's", async () => {
    const objects = await Promise.all(KINDS.map((kind) => shop.get(kind, ROLE)));
    return objects.every(({ metadata }) => metadata.annotations?.[OWNER_UID] === uid);
  });

/** The garbage collector may take the one of before first. */
const roleIsOf = (shop: Shop, uid: string) =>
  eventually("the Role is the new Deployment's", async () => {
    return (await shop.get("roles", ROLE)).metadata.annotations?.[OWNER_UID] === uid;
  });

test("a token of before opens nothing of a Deployment that was made again under the name", async () => {
  const shop = await scene.shop();
  const holder = await served(shop);
  const uid = await madeAgain(shop);
  const reader = await scene.read(shop, WITH_ACCOUNT);
  await isBoundAgain(shop, uid);
  await shop.grants(ROLE, ["web-3c4d-a"]);
  expect(await writesOf(reader)).toEqual([
    "delete rolebindings",
    "delete serviceaccounts",
    "delete roles",
    "create roles",
    "create serviceaccounts",
    "create rolebindings",
  ]);
  // The API server goes by what it knew of a token for some seconds.
  await eventually("the token is not known", async () => (await holder.logOf(shop, "web-3c4d-a")) === 401);
});

test("nothing is bound, and no Pod named, while a finalizer keeps the ServiceAccount of before", async () => {
  const shop = await scene.shop();
  const holder = await served(shop);
  await shop.patch("serviceaccounts", ROLE, HOLD);
  const uid = await madeAgain(shop);
  await scene.read(shop, { ...WITH_ACCOUNT, recheckPeriod: 50 });
  await eventually("it is told", async () => (await shop.eventsOn("web", "ServiceAccountRemains")).length === 1);
  await roleIsOf(shop, uid);
  expect(await shop.readable(ROLE)).toBeUndefined();
  expect(await shop.lacks("rolebindings", ROLE)).toBe(true);
  expect(REFUSED).toContain(await holder.logOf(shop, "web-3c4d-a"));
  await shop.patch("serviceaccounts", ROLE, LET_GO);
  await isBoundAgain(shop, uid);
  await shop.grants(ROLE, ["web-3c4d-a"]);
  expect(await shop.eventsOn("web")).toHaveLength(1);
});

test("no Pod is named while a finalizer keeps the RoleBinding of before", async () => {
  const shop = await scene.shop();
  const holder = await served(shop);
  await shop.patch("rolebindings", ROLE, HOLD);
  const uid = await madeAgain(shop);
  await scene.read(shop, { ...WITH_ACCOUNT, recheckPeriod: 50 });
  await eventually("it is told", async () => (await shop.eventsOn("web", "RoleBindingRemains")).length === 1);
  await shop.gone("serviceaccounts", ROLE);
  await roleIsOf(shop, uid);
  expect(await shop.readable(ROLE)).toBeUndefined();
  expect(REFUSED).toContain(await holder.logOf(shop, "web-3c4d-a"));
  await shop.patch("rolebindings", ROLE, LET_GO);
  await isBoundAgain(shop, uid);
  await shop.grants(ROLE, ["web-3c4d-a"]);
});

test("where the flag is switched off, RoleBinding and ServiceAccount go before new Pods are named", async () => {
  const shop = await scene.shop();
  const holder = await served(shop);
  const [set] = await shop.list("replicasets");
  if (set === undefined) throw new Error("there is one");
  await shop.createPod(set, "web-1a2b-b");
  const reader = await scene.read(shop);
  await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-b"]);
  expect(await writesOf(reader)).toEqual(["delete rolebindings", "delete serviceaccounts", "update roles"]);
  expect(REFUSED).toContain(await holder.logOf(shop, "web-1a2b-b"));
});
