/*
 * What is known of a Role between its writes, as the settler goes about it. Invariants:
 * - A name of a Pod that is gone leads to the Deployment for as long as it stands in the Role, so also after a write that failed.
 * - Each try counts for the pace, whatever came of it.
 */
import { type Clock, type ReconcileContext, type Stored, silentLogger } from "@pcmc/controller-runtime";
import type { Role } from "kubernetes-types/rbac/v1.d.ts";
import { expect, test } from "vitest";
import { MissingPermissions } from "../../src/controllers/missing-permissions.ts";
import { difference, roleContent } from "../../src/podlogreader/difference.ts";
import { desiredObjects } from "../../src/podlogreader/role.ts";
import { RoleWrites } from "../../src/podlogreader/role-writes.ts";
import { type Keeping, Settler } from "../../src/podlogreader/settler.ts";
import { Troubles } from "../../src/podlogreader/troubles.ts";
import { NO_CHOICES, owner, steady, stored } from "./fixtures.ts";

const KEY = "shop/web";
const GONE = "shop/web-0";
const roleFor = (pods: readonly string[]) => desiredObjects(owner, pods, NO_CHOICES).role;

/** A Role that names a Pod which is gone, its Deployment in the middle of a rollout, and an API server that takes a write or not. */
const scene = () => {
  let now = 0;
  let role: Stored<Role> = stored(roleFor(["web-0", "web-1"]));
  let refuses = true;
  const clock: Clock = { now: () => now, date: () => new Date(now), after: () => ({ cancel: () => {} }) };
  const keeper: Keeping<Role> = {
    kind: "Role",
    resource: "roles",
    cached: () => role,
    read: async () => role,
    plan: (input) => difference({ ...input, content: roleContent }),
    perform: async (action) => {
      if (refuses) throw new Error("the connection is lost");
      if (action.type === "update") role = action.object;
    },
  };
  const common = { clock, random: () => 0.5, metrics: { onFailure: () => {} } };
  const settler = new Settler({
    ...common,
    permissions: new MissingPermissions(common),
    troubles: new Troubles({ ...common, events: { event: () => {} } }),
    deploymentOf: () => undefined,
  });
  const writes = new RoleWrites({ clock });
  const deployment = stored({ ...steady(2), status: {} });
  const tolerated = { pods: new Set(["web-1"]), exists: () => false, allowPodGet: false };
  const { signal } = new AbortController();
  const context: ReconcileContext = { signal, end: signal, log: silentLogger, attempts: 0 };
  return {
    writes,
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    mend: () => {
      refuses = false;
    },
    settle: () =>
      settler.settle(
        { key: KEY, owner, deployment, context },
        { keeper, wanted: roleFor(["web-1"]), ...writes.timing(KEY, { deployment, tolerated }) },
      ),
  };
};

test("a name leads to the Deployment while the write waits, and after one that failed; no longer after one that did not", async () => {
  const { writes, pass, mend, settle } = scene();
  expect((await settle()).again).toBe(200);
  expect([...writes.staleIn(GONE)]).toEqual([KEY]);
  pass(200);
  await expect(settle()).rejects.toThrow("the connection is lost");
  expect([...writes.staleIn(GONE)]).toEqual([KEY]);
  mend();
  pass(5_000);
  expect((await settle()).again).toBe(200);
  pass(200);
  expect(await settle()).toEqual({ holder: "us" });
  expect([...writes.staleIn(GONE)]).toEqual([]);
});

test("a write that failed is followed by another one as late as one that did not", async () => {
  const { pass, settle } = scene();
  await settle();
  pass(200);
  await expect(settle()).rejects.toThrow("the connection is lost");
  pass(100);
  expect((await settle()).again).toBe(4_900);
});

test("a Deployment that concerns us no more leaves no names behind", async () => {
  const { writes, settle } = scene();
  await settle();
  writes.forget(KEY);
  expect([...writes.staleIn(GONE)]).toEqual([]);
});
