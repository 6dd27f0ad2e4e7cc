/*
 * Invariants:
 * - For any PodConfigMapConfigs and any packet, the bitmaps say what judging by each PodConfigMapConfig in turn says, in words.
 * - Neither the order of the PodConfigMapConfigs, nor that of their ports, nor duplicates make a difference.
 * - What is stored may be anything: nothing throws, and a firewall that cannot be read never opens or closes half of itself.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { EbpfConfig } from "../../src/api/ebpf-config.ts";
import type { PodPolicy } from "../../src/ebpf/policy.ts";
import { isAllowed } from "../../src/ebpf/port-bitmap.ts";
import { syscallsOf } from "../../src/ebpf/syscalls-table.ts";
import { config } from "../podconfigmap/fixtures.ts";
import { pod, policyOf } from "./policy-fixtures.ts";

type Firewall = NonNullable<EbpfConfig["l4Firewall"]>;
type Monitoring = NonNullable<EbpfConfig["syscallMonitoring"]>;

interface Packet {
  readonly protocol: "tcp" | "udp";
  readonly direction: "ingress" | "egress";
  readonly port: number;
}

/** What a user writes, before any code has read it. */
interface Written {
  readonly selects: boolean;
  readonly l4Firewall?: Firewall;
  readonly syscallMonitoring?: Monitoring;
}

// Few ports, so that lists meet each other and the packets; the ends of the range, and neighbours in one byte.
const PORTS = [1, 7, 8, 22, 80, 443, 8080, 32_767, 32_768, 65_534, 65_535];
const ports = fc.array(fc.constantFrom(...PORTS), { maxLength: 8 });

const firewall: fc.Arbitrary<Firewall> = fc.record(
  {
    enabled: fc.boolean(),
    allowedPorts: ports,
    blockedPorts: ports,
    defaultAction: fc.constantFrom("allow", "block"),
    direction: fc.constantFrom("ingress", "egress", "both"),
    mode: fc.constantFrom("enforce", "audit"),
    establishedConnections: fc.constantFrom("keep", "enforce"),
  },
  { requiredKeys: [] },
);
const monitoring: fc.Arbitrary<Monitoring> = fc.record(
  {
    enabled: fc.boolean(),
    syscallNames: fc.array(fc.constantFrom("open", "read", "accept", "fork", "nope"), { maxLength: 4 }),
  },
  { requiredKeys: [] },
);
const written: fc.Arbitrary<Written> = fc.record(
  { selects: fc.boolean(), l4Firewall: firewall, syscallMonitoring: monitoring },
  { requiredKeys: ["selects"] },
);
const packet: fc.Arbitrary<Packet> = fc.record({
  protocol: fc.constantFrom("tcp", "udp"),
  direction: fc.constantFrom("ingress", "egress"),
  port: fc.oneof(fc.constantFrom(...PORTS), fc.integer({ min: 0, max: 65_535 })),
});

const stored = ({ selects, ...ebpfConfig }: Written, index: number) =>
  config(`pcmc-${index}`, { podSelector: { matchLabels: { app: selects ? "web" : "db" } }, ebpfConfig });

/** The contract in words, port by port: what one firewall says of a packet. */
const judge = (one: Firewall, { direction, port }: Packet): "not judged" | "allowed" | "blocked" => {
  if (!one.enabled) return "not judged";
  const judged = one.direction ?? "ingress";
  if (judged !== "both" && judged !== direction) return "not judged";
  if (one.blockedPorts?.includes(port)) return "blocked";
  if (one.allowedPorts?.includes(port)) return "allowed";
  return one.defaultAction === "block" ? "blocked" : "allowed";
};

/** What the kernel is told of a packet. */
const lookUp = ({ firewall: policy }: PodPolicy, { direction, protocol, port }: Packet) => {
  const verdicts = policy?.[direction]?.[protocol];
  return {
    isJudged: verdicts !== undefined,
    isDropped: verdicts !== undefined && !isAllowed(verdicts.enforced, port),
    wouldBeDropped: verdicts !== undefined && !isAllowed(verdicts.audited, port),
  };
};

test("the bitmaps say of any packet what each PodConfigMapConfig says in words", () => {
  fc.assert(
    fc.property(
      fc.array(written, { maxLength: 5 }),
      fc.array(packet, { minLength: 1, maxLength: 30 }),
      (all, packets) => {
        const policy = policyOf(all.map(stored));
        const firewalls = all.flatMap(({ selects, l4Firewall }) => (selects && l4Firewall ? [l4Firewall] : []));
        for (const one of packets) {
          const verdicts = firewalls.map((each) => ({ audits: each.mode === "audit", says: judge(each, one) }));
          expect(lookUp(policy, one)).toEqual({
            isJudged: verdicts.some(({ says }) => says !== "not judged"),
            isDropped: verdicts.some(({ audits, says }) => !audits && says === "blocked"),
            wouldBeDropped: verdicts.some(({ audits, says }) => audits && says === "blocked"),
          });
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("a system call is counted exactly when somebody asks for it, or for all", () => {
  fc.assert(
    fc.property(fc.array(written, { maxLength: 5 }), (all) => {
      const lists = all.flatMap(({ selects, syscallMonitoring }) =>
        selects && syscallMonitoring?.enabled ? [syscallMonitoring.syscallNames ?? []] : [],
      );
      const { syscalls } = policyOf(all.map(stored));
      expect(syscalls === undefined).toBe(lists.length === 0);
      if (syscalls === undefined) return;
      expect(syscalls.calls === "all").toBe(lists.some((names) => names.length === 0));
      if (syscalls.calls === "all") return;
      const wanted = new Set(lists.flat().flatMap((name) => syscallsOf(name, "x86_64")));
      expect(new Set(syscalls.calls)).toEqual(wanted);
      expect(syscalls.calls).toHaveLength(wanted.size);
    }),
  );
});

test("order and duplicates make no difference", () => {
  const withShuffled = fc
    .array(written, { minLength: 1, maxLength: 5 })
    .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray([...all.keys()], { minLength: all.length })));
  fc.assert(
    fc.property(withShuffled, ([all, order]) => {
      const configs = all.map(stored);
      const twice = (list: readonly number[] | undefined) => list && [...list, ...list].reverse();
      const reworded = all.map((one) => ({
        ...one,
        ...(one.l4Firewall && {
          l4Firewall: {
            ...one.l4Firewall,
            ...(one.l4Firewall.allowedPorts && { allowedPorts: twice(one.l4Firewall.allowedPorts) ?? [] }),
            ...(one.l4Firewall.blockedPorts && { blockedPorts: twice(one.l4Firewall.blockedPorts) ?? [] }),
          },
        }),
      }));
      const other = reworded.map(stored);
      const shuffled = order.flatMap((index) => other[index] ?? []);
      expect(policyOf(shuffled)).toEqual(policyOf(configs));
    }),
  );
});

test("whatever is stored, nothing throws, and what is in force is a whole section or none of it", () => {
  const section = fc.oneof(
    fc.anything(),
    fc.dictionary(fc.constantFrom("enabled", "allowedPorts", "mode"), fc.anything()),
  );
  fc.assert(
    fc.property(section, section, (l4Firewall, syscallMonitoring) => {
      const anything = config("a", { ebpfConfig: { l4Firewall, syscallMonitoring } });
      const policy = policyOf([anything], pod());
      const isRefused = policy.problems.some(({ reason }) => reason === "InvalidSection");
      expect(isRefused).toBe(anything.findings.some(({ path, leftOut }) => leftOut && path[1] === "ebpfConfig"));
      if (anything.findings.some(({ path, leftOut }) => leftOut && path[2] === "l4Firewall")) {
        expect(policy.firewall).toBeUndefined();
      }
    }),
  );
});
