// Invariants, whatever policies come and wherever in its work an agent is killed:
// - A port that all policies block never opens, one that all allow never closes.
// - A call that all policies count is counted exactly, those made while no agent ran too; no count goes back.
// - The next agent takes over what is there, and brings it to the policy that holds.
// - After release nothing is left.

import { readdirSync } from "node:fs";
import { openHandles } from "@pcmc/libbpf";
import { describe, expect, test } from "vitest";
import type { Enforcer } from "../../src/ebpf/enforcer.ts";
import type { NodePod } from "../../src/ebpf/node-pod.ts";
import type { PodReading } from "../../src/ebpf/outcome.ts";
import type { Step } from "./support/agent-child.ts";
import { caller } from "./support/calls.ts";
import { testNetwork } from "./support/network.ts";
import { noKernel, readingOf, skipped, testNode } from "./support/node.ts";
import { blocking, policyOf } from "./support/policies.ts";
import { runAgent } from "./support/run-agent.ts";

const [ALWAYS_BLOCKED, ALWAYS_OPEN, ...SOMETIMES] = [7000, 7001, 7002, 7003] as const;
/** Agents of one run. More of them: CRASH_ROUNDS=100. */
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 6);

/** mulberry32: numbers in [0, 1) that a seed repeats. */
const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

type Chance = () => number;
const some = <Item>(items: readonly Item[], chance: Chance): readonly Item[] => items.filter(() => chance() < 0.5);

/** Policies of a Pod that is always guarded and always counted, and of one of which anything may be asked. */
const steps = (guarded: NodePod, other: NodePod, chance: Chance): readonly Step[] =>
  Array.from({ length: 6 }, () =>
    chance() < 0.6
      ? {
          pod: guarded,
          blocked: [ALWAYS_BLOCKED, ...some(SOMETIMES, chance)],
          calls: ["getpgid", ...some(["getsid", "sysinfo"], chance)],
        }
      : {
          pod: other,
          blocked: chance() < 0.6 ? some(SOMETIMES, chance) : undefined,
          calls: some(["getpgid", "getsid"], chance),
        },
  );

/** Every number of a reading, by a name of its own. */
const numbersOf = ({ syscalls, firewall }: PodReading): ReadonlyMap<string, bigint> =>
  new Map([
    ...[...(syscalls ?? [])],
    ...(firewall === undefined
      ? []
      : (["ingress", "egress"] as const).flatMap((direction) =>
          Object.entries(firewall[direction]).map(([name, value]): [string, bigint] => [`${direction} ${name}`, value]),
        )),
  ]);

const expectNoneBack = (before: ReadonlyMap<string, bigint>, now: ReadonlyMap<string, bigint>): void => {
  for (const [name, value] of now) expect(value, name).toBeGreaterThanOrEqual(before.get(name) ?? 0n);
};

describe.skipIf(noKernel)(`agents that are killed anywhere${skipped}`, () => {
  test.each([1, 2])("leave no moment open and lose no count (seed %i)", { timeout: 40_000 * ROUNDS }, async (seed) => {
    const chance = random(seed);
    // What is probed depends on how long an agent runs: not to be drawn from what the seed repeats.
    const turn = random(seed);
    await using node = testNode();
    await using network = await testNetwork();
    using calls = caller();
    const guarded = node.pod("a1");
    const other = node.pod("a2");
    const { arrived } = await network.serve(guarded.cgroup, [7000, 7001, 7002, 7003]);
    const holding = policyOf({ firewall: blocking(ALWAYS_BLOCKED), syscalls: { calls: ["getpgid"] } });
    let made = 0;
    let killed = 0;
    let before: ReadonlyMap<string, bigint> = new Map();

    /** A fresh agent takes over, and applies what holds. */
    const takeOver = async (work: (enforcer: Enforcer) => void = () => {}): Promise<void> => {
      await using enforcer = await node.open();
      enforcer.adopt();
      const { revision } = holding;
      const programs = ["syscall_counter", "l4_firewall"];
      expect(await enforcer.apply(guarded.pod, holding)).toEqual({ kind: "applied", programs, revision });
      const now = numbersOf(readingOf(enforcer, "a1"));
      expect(now.get("getpgid") ?? 0n).toBe(BigInt(made));
      expectNoneBack(before, now);
      before = now;
      work(enforcer);
    };

    await takeOver();
    for (let round = 0; round < ROUNDS; round++) {
      const agent = runAgent({
        pinDir: node.pinDir,
        cgroupRoot: node.cgroupRoot,
        firewallVersion: 1 + Math.floor(chance() * 2),
        steps: steps(guarded.pod, other.pod, chance),
        killBefore: 1 + Math.floor(chance() * 120),
      });
      let running = true;
      const ended = agent.finally(() => {
        running = false;
      });
      while (running) {
        made += 100;
        const [open, closed] = await Promise.all([
          network.reach(turn() < 0.5 ? "tcp" : "udp", ALWAYS_OPEN),
          network.reach(turn() < 0.5 ? "tcp" : "udp", ALWAYS_BLOCKED),
          calls.call(guarded.cgroup, { getpgid: 100 }),
        ]);
        expect([open, closed]).toEqual(["open", "closed"]);
      }
      if (await ended) killed++;
      await takeOver();
    }
    // Else nothing was tried.
    expect(killed).toBeGreaterThan(ROUNDS / 2);
    expect(arrived.filter((line) => line.endsWith(`${ALWAYS_BLOCKED}`))).toEqual([]);
    await takeOver((enforcer) => {
      enforcer.sweep(new Set());
    });
    expect(readdirSync(`${node.pinDir}/pods`)).toEqual([]);
    // The node's addresses are no Pod's: they stay with the agent.
    expect(readdirSync(`${node.pinDir}/node`)).toEqual(["addresses"]);
    expect(await network.reach("tcp", ALWAYS_BLOCKED)).toBe("open");
    expect(openHandles()).toEqual([]);
  });
});
