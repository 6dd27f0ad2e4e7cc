/*
 * Invariants of the page that `pcmc top` reads:
 * - It has all Pods that are held, with what is counted of each, as JSON.
 * - Whoever asks more often than five times a second gets the same page: the kernel is not read for that.
 * - Where eBPF does not work, it says why.
 */
import { expect, test } from "vitest";
import { livePage } from "../../../src/cli/top/live-page.ts";
import { LivePages } from "../../../src/ebpf/agent/live-page.ts";
import type { PodReading } from "../../../src/ebpf/outcome.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { reading, verdicts } from "./support.ts";

const firewall = {
  ingress: verdicts(3, 2, 1),
  egress: verdicts(0, 0),
  blockedPorts: [{ direction: "ingress", protocol: "tcp", port: 22, count: 2n }] as const,
  unparsable: { ingress: 5n, egress: 6n },
};

const pagesOf = (read: () => readonly PodReading[] | undefined) => {
  const clock = new ManualClock();
  return { clock, pages: new LivePages({ node: "node-1", read, failure: () => "Mount the bpffs.", clock }) };
};

test("a page has what is counted of each Pod, and top reads it as it was written", () => {
  const readings = [reading("web", { syscalls: new Map([["read", 7n]]), firewall }), reading("db", { pid: undefined })];
  const { pages } = pagesOf(() => readings);
  const page = pages.page();
  expect(page).toEqual({
    node: "node-1",
    at: 0,
    pods: [
      {
        uid: "uid-of-web",
        namespace: "shop",
        name: "web",
        pid: 4711,
        syscalls: { read: 7 },
        firewall: {
          ingress: { allowed: 3, blocked: 2, tcp: 4, udp: 1 },
          egress: { allowed: 0, blocked: 0, tcp: 0, udp: 0 },
          blockedPorts: [{ direction: "ingress", protocol: "tcp", port: 22, count: 2 }],
          unparsable: { ingress: 5, egress: 6 },
        },
      },
      { uid: "uid-of-db", namespace: "shop", name: "db" },
    ],
  });
  expect(livePage(JSON.parse(JSON.stringify(page)))).toEqual(page);
});

test("the kernel is read at most five times a second", () => {
  let reads = 0;
  const { clock, pages } = pagesOf(() => {
    reads += 1;
    return [];
  });
  for (let asked = 0; asked < 100; asked++) {
    pages.page();
    clock.advance(10);
  }
  expect(reads).toBe(5);
});

test("without a kernel side it says why", () => {
  expect(pagesOf(() => undefined).pages.page()).toEqual({
    node: "node-1",
    at: 0,
    failure: "Mount the bpffs.",
    pods: [],
  });
});
