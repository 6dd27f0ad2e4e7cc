/*
 * With a real API server, which verifies each certificate with Go's crypto/x509.
 *
 * Invariant: not one admission fails while leaves and authorities are replaced, and while the leader changes.
 */
import { type Cluster, startCluster } from "@pcmc/devcluster";
import { afterAll, beforeAll, expect, test } from "vitest";
import { rotateUnderLoad } from "./rotation-scenario.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ controllerManager: false });
});
afterAll(() => cluster.stop());

test("no admission fails while certificates are rotated under load", { timeout: 240_000 }, async () => {
  const report = await rotateUnderLoad(cluster, 9);
  expect(report.failures).toEqual([]);
  expect(report.unused).toEqual([]);
  expect(report.leaves).toBe(10);
  expect(report.authorities).toBe(4);
  expect(report.creates).toBeGreaterThan(100);
});
