/*
 * With a real API server, and client-go's own leader election in kube-controller-manager.
 *
 * Invariants
 * - The Lease is what `kubectl get lease` and client-go expect.
 * - One of several leads; a release, a theft, a deletion and a missing permission end as they do in memory.
 */
import { type Cluster, startCluster } from "@pcmc/devcluster";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { ConflictError } from "../../src/errors.ts";
import { LeaderElector, type LeaderElectorOptions } from "../../src/leader/elector.ts";
import { Leases } from "../../src/leader/lease.ts";
import type { Term } from "../../src/leader/term.ts";
import { configOf } from "../client/cluster.ts";
import { recordedLog } from "../support/recorded-log.ts";
import { TIMES, untilAborted } from "./rig.ts";

const WAIT = { timeout: 30_000, interval: 20 };

let cluster: Cluster;
let client: Client;
beforeAll(async () => {
  cluster = await startCluster({ controllerManagerFlags: { "leader-elect": "true" } });
  client = new Client(configOf(cluster), { userAgent: "test/1" });
});
afterAll(async () => {
  await client.close();
  await cluster.stop();
});

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const start = (identity: string, options: Partial<LeaderElectorOptions>) => {
  const log = recordedLog();
  const terms: Term[] = [];
  const stop = new AbortController();
  const kill = new AbortController();
  const lock = { namespace: "default", name: "lock" };
  const elector = new LeaderElector({ ...TIMES, client, lock, identity, log, ...options });
  const lead = async (term: Term) => {
    terms.push(term);
    await untilAborted(AbortSignal.any([term.signal, stop.signal]));
  };
  const ended = elector.run({ stop: stop.signal, kill: kill.signal, lead });
  const end = async () => {
    stop.abort();
    await ended;
  };
  cleanups.push(end);
  return { elector, log, terms, end };
};

/** Starts one and waits until it leads. */
const startLeader = async (identity: string, options: Partial<LeaderElectorOptions>) => {
  const replica = start(identity, options);
  await expect.poll(() => replica.elector.isLeader, WAIT).toBe(true);
  return replica;
};

const lockOf = (name: string) => ({ lock: { namespace: "default", name } });

const kubectl = async (...args: string[]): Promise<string> => {
  const { stdout, stderr, exitCode } = await cluster.kubectl(args);
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
};

const MICRO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

describe("the Lease", () => {
  test("shows the holder to kubectl in all fields that client-go writes", async () => {
    await startLeader("a", lockOf("fields"));
    const { spec } = JSON.parse(await kubectl("get", "lease", "fields", "-o", "json"));
    expect(spec).toEqual({
      holderIdentity: "a",
      leaseDurationSeconds: 6,
      leaseTransitions: 0,
      acquireTime: expect.stringMatching(MICRO_TIME),
      renewTime: expect.stringMatching(MICRO_TIME),
    });
    expect(await kubectl("get", "lease", "fields", "--no-headers")).toMatch(/^fields\s+a\s/);
  });

  test("has no holder after a release", async () => {
    const a = await startLeader("a", lockOf("released"));
    await a.end();
    const { spec } = JSON.parse(await kubectl("get", "lease", "released", "-o", "json"));
    expect(spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions: 0 });
  });

  test("that was deleted is not made by an update of what it was", async () => {
    const created = await client.create(Leases, { metadata: { namespace: "default", name: "gone" }, spec: {} });
    await kubectl("delete", "lease", "gone");
    const update = client.update(Leases, { ...created, spec: { holderIdentity: "a" } });
    await expect(update).rejects.toBeInstanceOf(ConflictError);
  });
});

describe("an elector", () => {
  test("takes over at a release, and counts the transition", async () => {
    const a = await startLeader("a", lockOf("handover"));
    const b = start("b", lockOf("handover"));
    await expect.poll(() => b.elector.leader, WAIT).toBe("a");
    expect(b.elector.isLeader).toBe(false);
    await a.end();
    await expect.poll(() => b.elector.isLeader, WAIT).toBe(true);
    const { spec } = await client.get(Leases, { namespace: "default", name: "handover" });
    expect(spec).toMatchObject({ holderIdentity: "b", leaseTransitions: 1, leaseDurationSeconds: 6 });
  });

  test("leads alone among several that start at once", async () => {
    const all = ["a", "b", "c", "d"].map((identity) => start(identity, lockOf("crowd")));
    await expect.poll(() => new Set(all.map(({ elector }) => elector.leader)).size, WAIT).toBe(1);
    await expect.poll(() => all.filter(({ elector }) => elector.isLeader).length, WAIT).toBe(1);
    expect(all.flatMap(({ terms }) => terms)).toHaveLength(1);
  });

  test("loses its term to a thief, and stands by", async () => {
    const a = await startLeader("a", lockOf("stolen"));
    await kubectl("patch", "lease", "stolen", "--type=merge", "-p", '{"spec":{"holderIdentity":"thief"}}');
    await expect.poll(() => a.terms[0]?.signal.aborted, WAIT).toBe(true);
    expect(String(a.terms[0]?.signal.reason)).toContain("lease default/stolen is held by thief");
    expect(() => a.terms[0]?.assertHeld()).toThrow();
    // Nobody renews for the thief.
    await expect.poll(() => a.elector.isLeader, WAIT).toBe(true);
    expect(a.terms).toHaveLength(2);
  });

  test("makes its Lease again when someone deletes it, and goes on", async () => {
    const a = await startLeader("a", lockOf("deleted"));
    const b = start("b", lockOf("deleted"));
    await expect.poll(() => b.elector.leader, WAIT).toBe("a");
    const { metadata } = await client.get(Leases, { namespace: "default", name: "deleted" });
    await kubectl("delete", "lease", "deleted");
    const uid = async () => (await client.get(Leases, { namespace: "default", name: "deleted" })).metadata.uid;
    await expect.poll(() => uid().catch(() => metadata.uid), WAIT).not.toBe(metadata.uid);
    await expect.poll(() => b.elector.leader, WAIT).toBe("a");
    expect([a.terms.length, b.terms.length, a.elector.isLeader]).toEqual([1, 0, true]);
  });

  test("says once what it is not allowed to, and leads when it is", async () => {
    const { certPem: cert, keyPem: key } = await cluster.addUser({ name: "candidate" });
    const other = new Client(configOf(cluster, { cert, key }), { userAgent: "test/1" });
    cleanups.push(() => other.close());
    const times = { leaseDuration: 1_000, renewDeadline: 800, retryPeriod: 100 };
    const a = start("a", { ...times, ...lockOf("forbidden"), client: other });
    const said = () => a.log.of("error").filter((message) => message.startsWith("not allowed to read lease"));
    await expect.poll(said, WAIT).toHaveLength(1);
    expect(said()[0]).toContain("in namespace default");
    await kubectl("create", "role", "candidate", "--resource=leases", "--verb=get,list,watch,create,update");
    await kubectl("create", "rolebinding", "candidate", "--role=candidate", "--user=candidate");
    await expect.poll(() => a.elector.isLeader, WAIT).toBe(true);
    expect(said()).toHaveLength(1);
  });

  test("says that the namespace is missing, and leads when it is there", async () => {
    const times = { leaseDuration: 1_000, renewDeadline: 800, retryPeriod: 100 };
    const a = start("a", { ...times, lock: { namespace: "later", name: "lock" } });
    const said = () => a.log.of("error").filter((message) => message.includes("create namespace later"));
    await expect.poll(said, WAIT).toHaveLength(1);
    await kubectl("create", "namespace", "later");
    await expect.poll(() => a.elector.isLeader, WAIT).toBe(true);
    expect(said()).toHaveLength(1);
  });
});

test("client-go waits for us, and we for client-go", async () => {
  const lock = { namespace: "kube-system", name: "kube-controller-manager" };
  const holder = async () => (await client.get(Leases, lock)).spec?.holderIdentity ?? "";
  const a = start("a", { lock });
  // Its identity is its host name with a random end.
  await expect.poll(() => a.elector.leader, WAIT).toContain("_");
  const manager = a.elector.leader ?? "";
  await cluster.kill("kube-controller-manager", "SIGKILL");
  await expect.poll(() => a.elector.isLeader, { ...WAIT, timeout: 40_000 }).toBe(true);
  const { spec } = await client.get(Leases, lock);
  expect(spec).toMatchObject({ holderIdentity: "a", leaseTransitions: 1 });

  await cluster.start("kube-controller-manager");
  await expect.poll(async () => holder(), WAIT).toBe("a");
  expect(a.terms).toHaveLength(1);
  await a.end();
  await expect.poll(holder, WAIT).toContain("_");
  expect(await holder()).not.toBe(manager);
  expect((await client.get(Leases, lock)).spec).toMatchObject({ leaseTransitions: 2, leaseDurationSeconds: 15 });
});
