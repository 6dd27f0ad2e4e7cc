/*
 * Invariants of which Pods are exported:
 * - A Pod is exported while it has programs and export is asked for, at the interval that is asked for; then no more.
 * - A failure is counted whether the Pod is exported or not.
 * - Failures go on from what was kept, and are kept.
 * - Of a Pod that is gone nothing is left.
 */
import { beforeEach, expect, test } from "vitest";
import { FollowedPods } from "../../../src/ebpf/agent/followed-pods.ts";
import type { ErrorCount } from "../../../src/ebpf/error-counts.ts";
import { policyOf } from "../support/policies.ts";
import { storedPod } from "./support.ts";

let events: string[];
let kept: readonly ErrorCount[];
let followed: FollowedPods;
const web = storedPod("web");
const exporting = { ...policyOf({}), exported: { updateInterval: 5_000 } };

beforeEach(() => {
  events = [];
  kept = [];
  followed = new FollowedPods({
    meter: {
      follow: (uid, interval) => void events.push(`follow ${uid} ${interval}`),
      forget: (uid) => void events.push(`forget ${uid}`),
    },
    metrics: {
      onProgramError: ({ uid, namespace, name }, program, reason) =>
        void events.push(`${uid} ${namespace}/${name} ${program} ${reason}`),
      errorsOf: (uid) => [{ program: "l4_firewall", reason: `all of ${uid}`, count: 7 }],
      restoreErrors: ({ uid, name }, [count]) => {
        if (count !== undefined) events.push(`restore ${uid} ${name} ${count.count}`);
      },
      forget: (uid) => void events.push(`drop ${uid}`),
    },
    errors: {
      read: () => kept,
      write: (uid, [count]) => void events.push(`keep ${uid} ${count?.reason}`),
    },
  });
});

test("a Pod with programs whose export is asked for is exported", () => {
  followed.onPod(web, { policy: exporting, programs: ["l4_firewall"] });
  expect([...followed.exported()]).toEqual([{ namespace: "shop", name: "web", programs: ["l4_firewall"] }]);
  expect(events).toEqual(["follow uid-of-web 5000"]);
});

test.each([
  ["programs", { policy: exporting, programs: [] }],
  ["export", { policy: policyOf({}), programs: ["l4_firewall"] }],
] as const)("without %s it is exported no more", (_, state) => {
  followed.onPod(web, { policy: exporting, programs: ["l4_firewall"] });
  followed.onPod(web, state);
  expect([...followed.exported()]).toEqual([]);
  expect(events).toEqual(["follow uid-of-web 5000", "forget uid-of-web"]);
});

test("a failure is counted under the Pod's name", () => {
  followed.onFailure(web, "syscall_counter", "NoMemory");
  expect(events).toEqual(["uid-of-web shop/web syscall_counter NoMemory", "keep uid-of-web all of uid-of-web"]);
});

test("what was kept of a Pod is restored when it is first seen, before anything is counted, and not again", () => {
  kept = [{ program: "l4_firewall", reason: "NoMemory", count: 3 }];
  followed.onFailure(web, "l4_firewall", "NoMemory");
  followed.onPod(web, { policy: exporting, programs: [] });
  expect(events.filter((event) => !event.startsWith("forget"))).toEqual([
    "restore uid-of-web web 3",
    "uid-of-web shop/web l4_firewall NoMemory",
    "keep uid-of-web all of uid-of-web",
  ]);
});

test("of a Pod that is gone nothing is left", () => {
  followed.onPod(web, { policy: exporting, programs: ["l4_firewall"] });
  followed.onGone("uid-of-web");
  expect([...followed.exported()]).toEqual([]);
  expect(events.slice(1)).toEqual(["forget uid-of-web", "drop uid-of-web"]);
});
