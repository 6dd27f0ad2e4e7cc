/*
 * What is ours and was changed by hand: on a real API server on which nothing else runs.
 *
 * Invariants:
 * - What bears our marks is put right, whatever was done to it.
 * - One of the two marks, with an ownerReference to the Deployment, is as good as both.
 * - What bears neither is somebody's, and stays as it is.
 */
import { expect, test } from "vitest";
import { MANAGED_BY, OWNER_UID } from "../../src/podlogreader/names.ts";
import { accountOf, bindingTo, deployed, EVE, KINDS, ROLE, WITH_ACCOUNT } from "../podlogreader/support/by-hand.ts";
import { useScene } from "../podlogreader/support/scene.ts";
import { rulesOf, type Shop } from "../podlogreader/support/shop.ts";
import { eventually } from "./support/eventually.ts";

const scene = useScene({ workloads: false });

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

const STRIPPED = {
  label: { metadata: { labels: { [MANAGED_BY.label]: null } } },
  annotation: { metadata: { annotations: { [OWNER_UID]: null } } },
  ownerReference: { metadata: { ownerReferences: null } },
};

/** Whether an object is that of the Deployment again, and still the same. */
const isMarked = async (shop: Shop, kind: (typeof KINDS)[number], uids: { own: string; owner: string }) => {
  const { uid, labels, annotations, ownerReferences } = (await shop.get(kind, ROLE)).metadata;
  if (uid !== uids.own) throw new Error("it has been made anew");
  return (
    labels?.[MANAGED_BY.label] === MANAGED_BY.value &&
    annotations?.[OWNER_UID] === uids.owner &&
    ownerReferences?.some((reference) => reference.uid === uids.owner)
  );
};

for (const kind of KINDS) {
  for (const mark of ["label", "annotation"] as const) {
    test(`of ${kind}, one without its ${mark} gets it back`, async () => {
      const shop = await scene.shop();
      const { deployment } = await deployed(shop, ["web-1a2b-a"]);
      await scene.read(shop, { ...WITH_ACCOUNT, recheckPeriod: 50 });
      await eventually("it is bound", () => shop.get("rolebindings", ROLE));
      const { uid: own } = (await shop.get(kind, ROLE)).metadata;
      await shop.patch(kind, ROLE, STRIPPED[mark]);
      await eventually("it is marked", () => isMarked(shop, kind, { own, owner: deployment.metadata.uid }));
      expect(await shop.eventsOn("web")).toEqual([]);
    });
  }

  test(`of ${kind}, one without label and ownerReference is somebody's: it stays as it is`, async () => {
    const shop = await scene.shop();
    const { set } = await deployed(shop, ["web-1a2b-a"]);
    const first = await scene.read(shop, WITH_ACCOUNT);
    await eventually("it is bound", () => shop.get("rolebindings", ROLE));
    await first.stop();
    await shop.createPod(set, "web-1a2b-b");
    await shop.patch(kind, ROLE, STRIPPED.ownerReference);
    const left = await shop.patch(kind, ROLE, STRIPPED.label);
    await scene.read(shop, { ...WITH_ACCOUNT, recheckPeriod: 50 });
    await eventually("it is told", async () => (await shop.eventsOn("web")).length === 1);
    expect(await shop.get(kind, ROLE)).toEqual(left);
  });
}

test("a Role that loses its label during a rollout is put right, though its rules are out of date by then", async () => {
  const shop = await scene.shop();
  const { deployment, set } = await deployed(shop, ["web-1a2b-a"]);
  const first = await scene.read(shop);
  await shop.grants(ROLE, ["web-1a2b-a"]);
  await first.stop();
  const { uid: own } = (await shop.get("roles", ROLE)).metadata;
  await shop.patch("deployments", "web", { spec: { replicas: 3 } });
  await shop.createPod(set, "web-1a2b-b");
  await shop.patch("roles", ROLE, STRIPPED.label);
  await scene.read(shop);
  await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-b"]);
  expect(await isMarked(shop, "roles", { own, owner: deployment.metadata.uid })).toBe(true);
});
