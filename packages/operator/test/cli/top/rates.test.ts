/*
 * Invariants of rates:
 * - A rate is what was counted between two looks, by the agent's own time between them, and never negative.
 * - A Pod of which nothing is known before is not shown, nor is any of an agent that started in between.
 * - Where packets are blocked comes first.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { busiestFirst, ratesBetween } from "../../../src/cli/top/rates.ts";
import type { LivePage, LivePod } from "../../../src/ebpf/agent/live-page.ts";

const page = (at: number, ...pods: readonly LivePod[]): LivePage => ({ node: "n1", at, pods });

const pod = (name: string, rest: Partial<LivePod> = {}): LivePod => ({
  uid: `uid-${name}`,
  namespace: "shop",
  name,
  ...rest,
});

const verdicts = (allowed: number, blocked: number) => ({ allowed, blocked, tcp: allowed + blocked, udp: 0 });

const firewall = (ports: Readonly<Record<number, number>>, allowed = 0, blocked = 0) => ({
  ingress: verdicts(allowed, blocked),
  egress: verdicts(0, 0),
  blockedPorts: Object.entries(ports).map(([port, count]) => ({
    direction: "ingress" as const,
    protocol: "tcp" as const,
    port: Number(port),
    count,
  })),
  unparsable: { ingress: 0, egress: 0 },
});

describe("rates", () => {
  test("are of the time that the agent itself saw pass", () => {
    const before = page(1_000, pod("web", { syscalls: { read: 10, write: 5 }, pid: 7 }));
    const after = page(3_000, pod("web", { syscalls: { read: 30, write: 5, openat: 4 }, pid: 7 }));
    expect(ratesBetween(before, after)).toEqual([
      {
        namespace: "shop",
        name: "web",
        node: "n1",
        pid: 7,
        syscalls: {
          perSecond: 12,
          busiest: [
            { name: "read", perSecond: 10 },
            { name: "openat", perSecond: 2 },
          ],
        },
        blockedPorts: [],
      },
    ]);
  });

  test("of packets are of both directions", () => {
    const guarded = (ingress: number, egress: number) => {
      const unparsable = { ingress: ingress * 3, egress: egress * 5 };
      const counts = { ingress: verdicts(ingress, ingress), egress: verdicts(egress, 0), blockedPorts: [], unparsable };
      return pod("web", { firewall: counts });
    };
    const [rates] = ratesBetween(page(0, guarded(0, 0)), page(1_000, guarded(3, 4)));
    expect(rates?.packets).toEqual({ allowedPerSecond: 7, blockedPerSecond: 3, unparsablePerSecond: 29 });
  });

  test("name the ports that are blocked now before those that were blocked most ever", () => {
    const before = page(0, pod("web", { firewall: firewall({ 22: 1_000, 23: 5 }) }));
    const after = page(1_000, pod("web", { firewall: firewall({ 22: 1_000, 23: 8, 80: 1 }) }));
    expect(
      ratesBetween(before, after)[0]?.blockedPorts.map(({ port, perSecond, total }) => [port, perSecond, total]),
    ).toEqual([
      [23, 3, 8],
      [80, 1, 1],
      [22, 0, 1_000],
    ]);
  });

  test("are not shown of a Pod that came between two looks, nor of an agent that started anew", () => {
    const [a, b] = [pod("a", { syscalls: { read: 1 } }), pod("b", { syscalls: { read: 1 } })];
    expect(ratesBetween(page(0, a), page(1_000, a, b)).map(({ name }) => name)).toEqual(["a"]);
    expect(ratesBetween(page(9_000, a), page(1_000, a))).toEqual([]);
    expect(ratesBetween(page(1_000, a), page(1_000, a))).toEqual([]);
  });

  test("are never negative, whatever the counters do", () => {
    const counts = fc.dictionary(fc.constantFrom("read", "write", "openat"), fc.nat());
    fc.assert(
      fc.property(counts, counts, fc.nat(), fc.nat(), (old, now, x, y) => {
        const before = page(0, pod("web", { syscalls: old, firewall: firewall({ 1: x }, x, x) }));
        const after = page(500, pod("web", { syscalls: now, firewall: firewall({ 1: y }, y, y) }));
        const [rates] = ratesBetween(before, after);
        const all = [
          rates?.syscalls?.perSecond,
          rates?.packets?.allowedPerSecond,
          rates?.packets?.blockedPerSecond,
          ...(rates?.blockedPorts ?? []).map(({ perSecond }) => perSecond),
        ];
        for (const rate of all) expect(rate).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

test("where packets are blocked comes first, then who calls most", () => {
  const rates = (name: string, calls: number, blocked: number) => ({
    namespace: "shop",
    name,
    node: "n1",
    syscalls: { perSecond: calls, busiest: [] },
    packets: { allowedPerSecond: 0, blockedPerSecond: blocked, unparsablePerSecond: 0 },
    blockedPorts: [],
  });
  const pods = [rates("idle", 0, 0), rates("busy", 900, 0), rates("attacked", 1, 2), rates("calm", 0, 0)];
  expect(busiestFirst(pods).map(({ name }) => name)).toEqual(["attacked", "busy", "calm", "idle"]);
});
