/*
 * The controller as a user who has exactly what it declares, on a real API server.
 *
 * Invariants:
 * - All that it does works: nothing is answered with "forbidden".
 * - It can grant nothing that it does not hold, and the API server sees to that.
 */
import { Client, type KubernetesObject, type Resource } from "@pcmc/controller-runtime";
import type { PolicyRule } from "kubernetes-types/rbac/v1.d.ts";
import { afterEach, expect, test } from "vitest";
import type { Permission } from "../../src/controllers/permission.ts";
import { podLogReaderPermissions } from "../../src/podlogreader/rbac.ts";
import type { Choices } from "../../src/podlogreader/role.ts";
import { managerPermissions } from "../../src/rbac/manager.ts";
import { policyRuleOf } from "../../src/rbac/policy-rule.ts";
import { RoleBindings, Roles } from "../../src/rbac/resources.ts";
import { RunningReader } from "../podlogreader/support/running-reader.ts";
import { useScene } from "../podlogreader/support/scene.ts";
import type { Shop } from "../podlogreader/support/shop.ts";
import { eventually } from "./support/eventually.ts";
import { fixedConfig } from "./support/manager.ts";

const scene = useScene({ workloads: false });
const clients: Client[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

const RBAC = "rbac.authorization.k8s.io";
const CLUSTER = `/apis/${RBAC}/v1`;
const ROLE = "podlogreader-web";
const ALL: Choices = { createSaAndRoleBinding: true, allowPodGet: true };
let users = 0;

/** A user with exactly the declared permissions, in the whole cluster. */
const declaredUser = async (choices: Choices) => {
  const name = `podlogreader-${++users}`;
  const { certPem, keyPem } = await scene.cluster.addUser({ name });
  const rules = [...managerPermissions, ...podLogReaderPermissions(choices)].map(policyRuleOf);
  await scene.cluster.request("POST", `${CLUSTER}/clusterroles`, { metadata: { name }, rules });
  await scene.cluster.request("POST", `${CLUSTER}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name },
    subjects: [{ kind: "User", name, apiGroup: RBAC }],
  });
  const config = () => fixedConfig({ ...scene.cluster, certPem, keyPem });
  return { name, config };
};

const clientOf = ({ config }: Awaited<ReturnType<typeof declaredUser>>): Client => {
  const client = new Client(config());
  clients.push(client);
  return client;
};

const deployed = async (shop: Shop, name: string) => {
  const deployment = await shop.deploy(name, { replicas: 1 });
  const set = await shop.createReplicaSet(deployment);
  await shop.createPod(set, `${name}-1a2b-a`);
  await shop.settle(name);
  return set;
};

/** Waits until a new rule or binding is in force. */
const inForce = async (client: Client): Promise<unknown> =>
  eventually("the user may list Roles", () => client.list(Roles).then(() => true));

/** All that the controller ever does. */
const liveThrough = async (shop: Shop, choices: Choices): Promise<readonly string[]> => {
  const user = await declaredUser(choices);
  await inForce(clientOf(user));
  const run = (wish: Choices) => scene.keep(new RunningReader(user.config(), { ...wish, recheckPeriod: 50 }));
  const reader = run(choices);
  await reader.ready();
  const set = await deployed(shop, "web");
  await shop.grants(ROLE, ["web-1a2b-a"]);
  await shop.createPod(set, "web-1a2b-b");
  await shop.grants(ROLE, ["web-1a2b-a", "web-1a2b-b"]);
  await shop.create("roles", { metadata: { name: "podlogreader-db" }, rules: [] });
  if (choices.createSaAndRoleBinding) {
    await eventually("it is bound", () => shop.get("rolebindings", ROLE));
    for (const kind of ["rolebindings", "serviceaccounts"] as const) {
      await shop.patch(kind, ROLE, { metadata: { ownerReferences: null } });
      await eventually(
        "it is owned again",
        async () => (await shop.get(kind, ROLE)).metadata.ownerReferences?.length === 1,
      );
    }
    await shop.create("serviceaccounts", { metadata: { name: "podlogreader-cache" } });
    await deployed(shop, "cache");
    await eventually("it is told", async () => (await shop.eventsOn("cache", "ServiceAccountExists")).length === 1);
  }
  await deployed(shop, "db");
  await eventually("it is told", async () => (await shop.eventsOn("db", "RoleConflict")).length === 1);
  await reader.stop();
  const second = run({ ...choices, createSaAndRoleBinding: false });
  await shop.gone("rolebindings", ROLE);
  await shop.gone("serviceaccounts", ROLE);
  await shop.remove("deployments", "web", { propagationPolicy: "Background" });
  await shop.gone("roles", ROLE);
  await second.stop();
  return [reader, second].map(({ userAgent }) => userAgent);
};

for (const choices of [ALL, { createSaAndRoleBinding: false, allowPodGet: false }]) {
  test(`under exactly the declared permissions nothing is forbidden: ${JSON.stringify(choices)}`, async () => {
    const agents = await liveThrough(await scene.shop(), choices);
    const events = (await scene.cluster.auditEvents()).filter(({ userAgent = "" }) => agents.includes(userAgent));
    expect(events.length).toBeGreaterThan(10);
    const forbidden = events.filter(({ responseStatus }) => responseStatus?.code === 403);
    expect(forbidden.map(({ verb, requestURI }) => `${verb} ${requestURI}`)).toEqual([]);
  });
}

/** What no Role of ours may ever hold. */
const TOO_MUCH: readonly PolicyRule[] = [
  { apiGroups: [""], resources: ["secrets"], verbs: ["get"] },
  { apiGroups: [""], resources: ["pods/exec"], resourceNames: ["web-1a2b-a"], verbs: ["create"] },
  { apiGroups: [""], resources: ["pods"], verbs: ["delete"] },
  { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
  { apiGroups: [RBAC], resources: ["roles"], verbs: ["escalate"] },
];

test("the identity of the controller cannot create a Role that grants more than it holds, nor widen one, nor bind a greater one", async () => {
  const shop = await scene.shop();
  const user = await declaredUser(ALL);
  const client = clientOf(user);
  await inForce(client);
  const namespace = shop.name;
  const tried = <T extends KubernetesObject>(resource: Resource<T>, object: T) =>
    client.create(resource, object).then(
      () => "allowed",
      (error: unknown) => String(error),
    );
  const own = {
    metadata: { name: "own", namespace },
    rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["list"] }],
  };
  expect(await tried(Roles, own)).toBe("allowed");
  for (const [i, rule] of TOO_MUCH.entries()) {
    const rules = [rule];
    expect(await tried(Roles, { metadata: { name: `more-${i}`, namespace }, rules })).toMatch(/not currently held/);
    const held = await client.get(Roles, { namespace, name: "own" });
    await expect(client.update(Roles, { ...held, rules })).rejects.toThrow(/not currently held/);
  }
  const binding = (roleRef: { kind: string; name: string }) => ({
    metadata: { name: `bind-${roleRef.name}`, namespace },
    roleRef: { apiGroup: RBAC, ...roleRef },
    subjects: [{ kind: "User", name: user.name, apiGroup: RBAC }],
  });
  expect(await tried(RoleBindings, binding({ kind: "ClusterRole", name: "cluster-admin" }))).toMatch(
    /not currently held/,
  );
  await shop.create("roles", { metadata: { name: "secrets" }, rules: TOO_MUCH.slice(0, 1) });
  expect(await tried(RoleBindings, binding({ kind: "Role", name: "secrets" }))).toMatch(/not currently held/);
  expect(await tried(RoleBindings, binding({ kind: "Role", name: "own" }))).toBe("allowed");
});

/** The user gets further rules, or loses all beyond these. */
const setRules = (name: string, permissions: readonly Permission[]) =>
  scene.cluster.request(
    "PATCH",
    `${CLUSTER}/clusterroles/${name}`,
    { rules: permissions.map(policyRuleOf) },
    { contentType: "application/merge-patch+json" },
  );

const UNCHOSEN: Choices = { createSaAndRoleBinding: false, allowPodGet: false };
const declared = (choices: Choices) => [...managerPermissions, ...podLogReaderPermissions(choices)];

test("without the permission to remove what a switched-off flag left, that is told once and waited for, and the Role goes on", async () => {
  const shop = await scene.shop();
  const user = await declaredUser({ ...UNCHOSEN, createSaAndRoleBinding: true });
  await inForce(clientOf(user));
  const namespaces = [shop.name];
  const first = scene.keep(new RunningReader(user.config(), { createSaAndRoleBinding: true, namespaces }));
  await first.ready();
  const set = await deployed(shop, "web");
  await eventually("it is bound", () => shop.get("rolebindings", ROLE));
  await first.stop();
  await setRules(user.name, declared(UNCHOSEN));
  await eventually("the permission is gone", async () => {
    const verb = { verb: "delete", resource: "serviceaccounts" };
    return !(await shop.allows(user.name, verb));
  });
  // Not kept by the scene: that it says so as an error is the point.
  const second = new RunningReader(user.config(), { ...UNCHOSEN, namespaces });
  try {
    await eventually("it is told", () => second.linesOf("error").length === 2);
    for (const pod of ["b", "c"]) {
      await shop.createPod(set, `web-1a2b-${pod}`);
      await eventually("it is named", async () => (await shop.readable(ROLE))?.includes(`web-1a2b-${pod}`));
    }
    expect(second.linesOf("error").map((line) => /not allowed to delete \w+/.exec(line)?.[0])).toEqual([
      "not allowed to delete rolebindings",
      "not allowed to delete serviceaccounts",
    ]);
    expect(await shop.lacks("rolebindings", ROLE)).toBe(false);
    await setRules(user.name, declared({ ...UNCHOSEN, createSaAndRoleBinding: true }));
    await shop.gone("rolebindings", ROLE);
    await shop.gone("serviceaccounts", ROLE);
    expect(await shop.readable(ROLE)).toEqual(["web-1a2b-a", "web-1a2b-b", "web-1a2b-c"]);
  } finally {
    await second.stop();
  }
});

test("a permission that is missing is told anew where a namespace had nothing of ours in between", async () => {
  const shop = await scene.shop();
  const user = await declaredUser(UNCHOSEN);
  await inForce(clientOf(user));
  await setRules(user.name, declared(UNCHOSEN).map(withoutVerb("create", "roles")));
  await eventually("the permission is gone", async () => {
    return !(await shop.allows(user.name, { verb: "create", resource: "roles" }));
  });
  const reader = new RunningReader(user.config(), { ...UNCHOSEN, namespaces: [shop.name] });
  try {
    // Another Deployment, which is none of ours, stays throughout.
    await shop.deploy("db", { labels: {} });
    for (const told of [1, 2]) {
      await deployed(shop, `web-${told}`);
      await eventually("it is told", () => reader.linesOf("error").length === told);
      const looks = await reader.reconciles();
      await shop.remove("deployments", `web-${told}`, { propagationPolicy: "Background" });
      await eventually("it has been looked at", async () => (await reader.reconciles()) > looks);
    }
  } finally {
    await reader.stop();
  }
});

const withoutVerb =
  (verb: string, resource: string) =>
  (permission: Permission): Permission =>
    permission.resources.includes(resource)
      ? { ...permission, verbs: permission.verbs.filter((each) => each !== verb) }
      : permission;

test("a controller that does not hold what it is to grant says so once, on the Deployment, and grants nothing", async () => {
  const shop = await scene.shop();
  const user = await declaredUser({ ...ALL, allowPodGet: false });
  await inForce(clientOf(user));
  scene.keep(new RunningReader(user.config(), { ...ALL, namespaces: [shop.name], recheckPeriod: 50 }));
  await deployed(shop, "web");
  await eventually("it is told", async () => (await shop.eventsOn("web", "PermissionNotHeld")).length === 1);
  expect(await shop.lacks("rolebindings", ROLE)).toBe(true);
  const name = user.name;
  const more = policyRuleOf({ why: "", group: "", resources: ["pods"], verbs: ["get"] });
  const role = await scene.cluster.request<{ rules: PolicyRule[] }>("GET", `${CLUSTER}/clusterroles/${name}`);
  await scene.cluster.request("PUT", `${CLUSTER}/clusterroles/${name}`, { ...role, rules: [...role.rules, more] });
  await shop.grants(ROLE, ["web-1a2b-a"]);
  expect(await shop.eventsOn("web", "PermissionNotHeld")).toHaveLength(1);
});
