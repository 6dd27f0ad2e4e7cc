/*
 * Invariants
 * - Names and labels are client-go's.
 * - The status is there from the beginning, and follows each term.
 */
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { leaderElectionMetrics } from "../../src/leader/metrics.ts";
import { rig } from "./rig.ts";

test("the status is 1 while we lead, and 0 before and after", async () => {
  const { server, start, pass, end } = rig();
  const registry = new Registry();
  const status = async () =>
    (await registry.metrics()).match(/^leader_election_master_status\{name="lock"\} (.)$/m)?.[1];
  const a = start("a", { observer: leaderElectionMetrics(registry) });
  expect(await status()).toBe("0");
  await pass(500);
  expect(await status()).toBe("1");
  server.edit({ spec: { holderIdentity: "thief" } });
  await pass(10);
  expect(await status()).toBe("0");
  await pass(10_000);
  expect(await status()).toBe("1");
  a.stop.abort();
  await pass(10);
  expect(await status()).toBe("0");
  await end();
});

test("a renewal that finds the Lease changed counts as the slow path", async () => {
  const { server, startLeader, pass, end } = rig();
  const registry = new Registry();
  const a = await startLeader("a", { observer: leaderElectionMetrics(registry) });
  const count = async () =>
    (await registry.metrics()).match(/^leader_election_slowpath_total\{name="lock"\} (.+)$/m)?.[1];
  expect(await count()).toBeUndefined();
  a.link.muteWatches();
  server.edit({ metadata: { labels: { x: "y" } } });
  await pass(3_000);
  expect(await count()).toBe("1");
  await end();
});
