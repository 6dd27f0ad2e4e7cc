/*
 * Leader election as users run it: replicas of `pcmc manager`, each a process and a user of its own.
 *
 * Invariants:
 * - At any time one replica writes, and only the one that holds the Lease: the API server's audit log says who.
 * - Whatever becomes of the leader, another goes on, and writes nothing that is as it should be.
 * - A replica that has lost the Lease stays, ready and standing by.
 */
import type { AuditEvent } from "@pcmc/devcluster";
import type { Lease } from "kubernetes-types/coordination/v1.d.ts";
import { expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { ManagerProcess } from "./support/manager-process.ts";
import { samplesOf } from "./support/metrics.ts";
import type { Namespace } from "./support/namespace.ts";
import { eventuallyExact } from "./support/oracle.ts";
import { useWorld } from "./support/world.ts";

const world = useWorld({ controllerManager: false, audit: true });

const LOCK = "podconfigmap-controller-lock";
const NAME = "pod-web-from-app-cfg";
/** Shorter than those that are shipped, and still far from what a busy machine can miss by itself. */
const TIMES = {
  LEADER_ELECTION_LEASE_DURATION: "5s",
  LEADER_ELECTION_RENEW_DEADLINE: "4s",
  LEADER_ELECTION_RETRY_PERIOD: "500ms",
};
const MERGE = { contentType: "application/merge-patch+json" };
const READS = new Set(["get", "list", "watch"]);

let users = 0;

/** One replica, whose requests are told from all others by its user. */
interface Replica extends AsyncDisposable {
  readonly name: string;
  readonly process: ManagerProcess;
  /** All that it has tried to change so far, in order. */
  changes(): Promise<AuditEvent[]>;
  /** The same without the Lease. */
  writes(): Promise<AuditEvent[]>;
}

const startReplica = async (namespace: Namespace, name: string): Promise<Replica> => {
  const user = `${name}-${++users}`;
  const { kubeconfig } = await world.cluster.addUser({ name: user, groups: ["system:masters"] });
  const process = await ManagerProcess.start({
    KUBECONFIG: kubeconfig,
    POD_NAME: name,
    LOG_LEVEL: "info",
    WATCH_NAMESPACES: namespace.name,
    LEADER_ELECTION_LOCK_NAMESPACE: namespace.name,
    ...TIMES,
  });
  const changes = async () =>
    (await world.cluster.auditEvents()).filter((event) => event.user.username === user && !READS.has(event.verb));
  const writes = async () => (await changes()).filter(({ objectRef }) => objectRef?.resource !== "leases");
  return { name, process, changes, writes, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
};

const leasePath = ({ name }: Namespace) => `/apis/coordination.k8s.io/v1/namespaces/${name}/leases/${LOCK}`;
const leaseOf = (namespace: Namespace) => world.cluster.request<Lease>("GET", leasePath(namespace));

const patchLease = (namespace: Namespace, spec: object) =>
  world.cluster.request("PATCH", leasePath(namespace), { spec }, MERGE);
/** Gives the Lease to somebody who is none of us, for long. */
const steal = (namespace: Namespace) =>
  patchLease(namespace, { holderIdentity: "stranger", leaseDurationSeconds: 3_600 });
/** Lets a stolen Lease expire. */
const free = (namespace: Namespace) => patchLease(namespace, { leaseDurationSeconds: 1 });

/** Waits until a replica leads, by its own word and by the Lease. */
const leads = async (namespace: Namespace, { name, process }: Pick<Replica, "name" | "process">): Promise<void> => {
  await process.says("became leader");
  await eventually(`${name} holds the Lease`, async () =>
    (await leaseOf(namespace)).spec?.holderIdentity?.startsWith(`${name}_`),
  );
};

/** Gives the Pod `web` a label that is copied, and waits until its ConfigMap has it. */
const follows = async (namespace: Namespace, value: string): Promise<void> => {
  await namespace.patch("pods", "web", { metadata: { labels: { app: value } } });
  await eventually(`the ConfigMap says ${value}`, async () => {
    return (await namespace.get("configmaps", NAME)).data?.label_app === value;
  });
};

/** A namespace that has converged under one leader, with another replica that is ready to follow. */
const withPair = async (): Promise<{ namespace: Namespace; leader: Replica; standby: Replica } & AsyncDisposable> => {
  const namespace = await world.namespace();
  await namespace.createPod("web", { labels: { app: "web" } });
  await namespace.createConfig("app", { labelsToInclude: ["app"] });
  const leader = await startReplica(namespace, "first");
  await leads(namespace, leader);
  await namespace.settled("app");
  const standby = await startReplica(namespace, "second");
  await standby.process.says("another leads");
  await standby.process.ready();
  const dispose = async () => {
    for (const replica of [leader, standby]) await replica[Symbol.asyncDispose]();
  };
  return { namespace, leader, standby, [Symbol.asyncDispose]: dispose };
};

/** A gauge of a replica as it is now; `undefined` where it is not exported. */
const gauge = async ({ process }: Replica, name: string): Promise<number | undefined> =>
  samplesOf(await process.scrape()).find((sample) => sample.name === name)?.value;

/** Waits until the cache of a replica holds so many Pods: it has seen what happened before. */
const seesPods = (replica: Replica, count: number): Promise<true> =>
  eventually(`${replica.name} sees ${count} Pods`, async () => {
    const samples = samplesOf(await replica.process.scrape());
    return samples.some(
      ({ name, labels, value }) => name === "informer_objects" && labels.resource === "pods" && value === count,
    );
  });

test("one of two replicas writes; the other is ready, says that it does not lead, and tells of no object", async () => {
  await using pair = await withPair();
  const { namespace, leader, standby } = pair;
  await follows(namespace, "shop");
  await namespace.createPod("late");
  await namespace.createConfig("ops");
  await namespace.settled("ops");
  await eventuallyExact(namespace);
  expect((await leader.writes()).map(({ objectRef }) => objectRef?.resource)).toContain("configmaps");
  expect(await standby.changes()).toEqual([]);

  expect(await standby.process.readiness()).toMatchObject({ status: 200 });
  const product = "podconfigmap_controller_";
  for (const [replica, leading] of [
    [leader, 1],
    [standby, 0],
  ] as const) {
    expect(await gauge(replica, `${product}leader_election_status`)).toBe(leading);
    expect(await gauge(replica, "leader_election_master_status")).toBe(leading);
  }
  expect(await gauge(leader, `${product}pcmc_status`)).toBe(1);
  expect(await gauge(leader, `${product}active_configmaps`)).toBe(2);
  for (const name of ["pcmc_status", "active_configmaps"]) {
    expect(await gauge(standby, `${product}${name}`)).toBeUndefined();
  }
});

test("a leader that is stopped gives the Lease back, and the other goes on without writing what stands", async () => {
  await using pair = await withPair();
  const { namespace, leader, standby } = pair;
  const before = await namespace.list("configmaps");
  const { spec } = await leaseOf(namespace);
  expect(await leader.process.stop()).toEqual({ code: 0, signal: null });
  await leader.process.says("released the lease");
  await leads(namespace, standby);
  expect((await leaseOf(namespace)).spec?.leaseTransitions).toBe((spec?.leaseTransitions ?? 0) + 1);
  await follows(namespace, "shop");
  expect((await standby.writes()).map(({ verb, objectRef }) => [verb, objectRef?.name])).toEqual([["update", NAME]]);
  expect((await namespace.list("configmaps")).map(({ metadata }) => metadata.uid)).toEqual(
    before.map(({ metadata }) => metadata.uid),
  );
  expect(standby.process.lines.filter((line) => /^[EW]/.test(line))).toEqual([]);
});

test("a leader that is killed is followed when its Lease has expired, and what it did not do is done", async () => {
  await using pair = await withPair();
  const { namespace, leader, standby } = pair;
  leader.process.kill("SIGKILL");
  await leader.process.exit;
  await namespace.createPod("late");
  await namespace.patch("pods", "web", { metadata: { labels: { app: "shop" } } });
  await leads(namespace, standby);
  await eventuallyExact(namespace);
  const writes = (await standby.writes()).filter(({ objectRef }) => objectRef?.resource === "configmaps");
  expect(writes.map(({ verb, objectRef }) => [verb, objectRef?.name]).sort()).toEqual([
    ["create", "pod-late-from-app-cfg"],
    ["update", NAME],
  ]);
});

test("a leader whose Lease is stolen stands by without another write, and without ending", async () => {
  await using pair = await withPair();
  const { namespace, leader, standby } = pair;
  await steal(namespace);
  await leader.process.says(/lost the lease: standing by.*held by stranger/);
  const written = await leader.writes();
  await namespace.createPod("late");
  for (const replica of [leader, standby]) await seesPods(replica, 2);
  expect(await gauge(leader, "leader_election_master_status")).toBe(0);
  expect(await leader.process.readiness()).toMatchObject({ status: 200 });
  expect(await namespace.lacks("configmaps", "pod-late-from-app-cfg")).toBe(true);
  expect(await leader.writes()).toEqual(written);
  expect(await standby.changes()).toEqual([]);

  await free(namespace);
  await eventuallyExact(namespace);
  expect(await namespace.lacks("configmaps", "pod-late-from-app-cfg")).toBe(false);
});

test("a Lease that somebody deletes is made again by the leader, which leads on", async () => {
  await using pair = await withPair();
  const { namespace, leader, standby } = pair;
  const { metadata } = await leaseOf(namespace);
  await world.cluster.request("DELETE", leasePath(namespace));
  const again = await eventually("there is a Lease again", () => leaseOf(namespace));
  expect(again.metadata?.uid).not.toBe(metadata?.uid);
  expect(again.spec?.holderIdentity).toMatch(/^first_/);
  await follows(namespace, "shop");
  expect(await standby.changes()).toEqual([]);
  expect(leader.process.lines.filter((line) => line.includes("lost the lease"))).toEqual([]);
});

test("a leader that sleeps for longer than its Lease writes nothing when it wakes, and stands by", async () => {
  await using pair = await withPair();
  const { namespace, leader, standby } = pair;
  leader.process.kill("SIGSTOP");
  await leads(namespace, standby);
  const before = await leader.writes();
  // Work for when it wakes, and nobody else to do it.
  await steal(namespace);
  await standby.process.says("lost the lease: standing by");
  const pods = Array.from({ length: 20 }, (_, i) => `late-${i}`);
  for (const pod of pods) await namespace.createPod(pod);
  leader.process.kill("SIGCONT");
  await leader.process.says("lost the lease: standing by");
  await seesPods(leader, pods.length + 1);
  // Whatever seeing those has set off is done by the time that it sees another.
  await namespace.createPod("last");
  await seesPods(leader, pods.length + 2);
  expect(await leader.writes()).toEqual(before);
  expect(await leader.process.readiness()).toMatchObject({ status: 200 });
  expect(await gauge(leader, "leader_election_master_status")).toBe(0);

  // It is as good as any: it follows when the other cannot.
  await standby.process.stop();
  await free(namespace);
  await eventuallyExact(namespace);
  expect(await leader.process.stop()).toEqual({ code: 0, signal: null });
});

const RBAC = "/apis/rbac.authorization.k8s.io/v1";

/** Lets a user do what the manager does in a namespace, and `rules`. */
const grant = async ({ name: namespace }: Namespace, user: string, rules: readonly object[]): Promise<void> => {
  const roles = `${RBAC}/namespaces/${namespace}`;
  const role = { metadata: { generateName: `${user}-` }, rules };
  const { metadata } = await world.cluster.request<{ metadata: { name: string } }>("POST", `${roles}/roles`, role);
  const { name } = metadata;
  await world.cluster.request("POST", `${roles}/rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }],
  });
};

test("a manager that may not have a Lease says so in one line, is ready, and waits; allowed to, it leads", async () => {
  const namespace = await world.namespace();
  await namespace.createPod("web");
  await namespace.createConfig("app");
  const user = "without-lease";
  await grant(namespace, user, [
    { apiGroups: [""], resources: ["pods", "configmaps"], verbs: ["*"] },
    { apiGroups: ["podconfig.example.com"], resources: ["*"], verbs: ["*"] },
    { apiGroups: ["events.k8s.io"], resources: ["events"], verbs: ["*"] },
  ]);
  const { kubeconfig } = await world.cluster.addUser({ name: user });
  await using manager = await ManagerProcess.start({
    KUBECONFIG: kubeconfig,
    WATCH_NAMESPACES: namespace.name,
    LEADER_ELECTION_LOCK_NAMESPACE: namespace.name,
    ...TIMES,
  });
  const verbs = '\\"get\\", \\"list\\", \\"watch\\", \\"create\\" and \\"update\\"';
  await manager.says(`not allowed to read lease: grant ${verbs} on leases.coordination.k8s.io in namespace`);
  await manager.ready();
  await eventually("it has tried several times", async () => {
    const events = await world.cluster.auditEvents();
    return events.filter((event) => event.user.username === user && event.objectRef?.resource === "leases").length > 5;
  });
  expect(manager.lines).toHaveLength(1);
  expect(await namespace.lacks("configmaps", NAME)).toBe(true);

  await grant(namespace, user, [{ apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["*"] }]);
  await namespace.settled("app");
  await eventuallyExact(namespace);
  expect(manager.lines).toHaveLength(1);
  expect(await manager.stop()).toEqual({ code: 0, signal: null });
});
