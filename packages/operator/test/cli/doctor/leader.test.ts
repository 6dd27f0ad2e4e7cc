/*
 * Invariants:
 * - Somebody leads exactly while a holder stands in a Lease that has been renewed within its duration, by the server's clock.
 * - Who holds it is told apart from a Pod of this installation.
 */
import type { Lease } from "@pcmc/controller-runtime";
import { describe, expect, test } from "vitest";
import { judgeHolder, judgeHolderPod, judgeLease } from "../../../src/cli/doctor/leader.ts";
import { NOT_ASKED, seen } from "../../../src/cli/doctor/seen.ts";
import { FORBIDDEN, NOW, pod, running, stored } from "./fixtures.ts";

const lease = (holderIdentity: string, secondsAgo: number) =>
  stored<Lease>("lock", {
    spec: { holderIdentity, leaseDurationSeconds: 15, renewTime: new Date(NOW - secondsAgo * 1_000).toISOString() },
  });
const facts = (found: ReturnType<typeof lease> | undefined) => ({ lease: seen(found), now: NOW });
const ours = running({}, pod("manager-0"));

describe("the Lease", () => {
  test("that is missing: nobody has ever led", () => {
    expect(judgeLease(ours, facts(undefined))).toMatchObject([
      { status: "failed", message: "Lease default/podconfigmap-controller-lock is not there: nobody has ever led" },
    ]);
    expect(judgeHolder(ours, facts(undefined))).toEqual([]);
  });

  test("that is missing is a warning where settings come from elsewhere: it may have another name", () => {
    const elsewhere = running({ envFrom: [{ configMapRef: { name: "settings" } }, { secretRef: { name: "more" } }] });
    expect(judgeLease(elsewhere, facts(undefined))).toMatchObject([
      { status: "warning", message: expect.stringContaining("all of ConfigMap settings, all of Secret more") },
    ]);
  });

  test("that may not be read is skipped once", () => {
    const unread = { lease: FORBIDDEN, now: NOW };
    expect(judgeLease(ours, unread)).toMatchObject([{ status: "skipped" }]);
    expect([...judgeHolder(ours, unread), ...judgeHolderPod(ours, unread)]).toEqual([]);
  });

  test("is not needed by one replica without election, and missed by two", () => {
    const env = { LEADER_ELECTION_ENABLED: "false" };
    const none = { lease: NOT_ASKED, now: NOW };
    expect(judgeLease(running({ env }), none)).toMatchObject([{ status: "ok" }]);
    expect(judgeLease(running({ env, replicas: 2 }), none)).toMatchObject([{ status: "failed" }]);
  });
});

describe("the holder", () => {
  test.each([
    ["manager-0_a", 0, "ok"],
    ["manager-0_a", 17, "ok"],
    ["manager-0_a", 18, "failed"],
    ["manager-0_a", -60, "ok"],
    ["", 0, "failed"],
  ])("%j that renewed %i s ago, for 15 s, is %s", (holder, ago, status) => {
    expect(judgeHolder(ours, facts(lease(holder, ago)))).toMatchObject([{ status }]);
  });

  test("that never renewed does not lead", () => {
    const never = stored<Lease>("lock", { spec: { holderIdentity: "a" } });
    expect(judgeHolder(ours, { lease: seen(never), now: NOW })).toMatchObject([{ status: "failed" }]);
  });

  test("is known by the Pod's name, whatever stands behind it", () => {
    expect(judgeHolderPod(ours, facts(lease("manager-0_1-2-3", 0)))).toMatchObject([{ status: "ok" }]);
    expect(judgeHolderPod(ours, facts(lease("laptop_1-2-3", 0)))).toMatchObject([{ status: "failed" }]);
    expect(judgeHolderPod(ours, facts(lease("laptop_1-2-3", 60)))).toEqual([]);
  });
});
