/**
 * Invariants of the firewall's programs, as the kernel runs them on single packets (BPF_PROG_TEST_RUN):
 * - verdict and counters are those of the reference judge, for every packet under every policy, cut off anywhere;
 * - each verdict counts once: allowed + blocked = tcp + udp, under the generation of the policy that gave it;
 * - what is neither a TCP connection attempt nor a UDP datagram passes and is not counted.
 */

import { once } from "node:events";
import { createServer } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Direction, FirewallCounters } from "../../src/ebpf/layout.ts";
import type { FirewallPolicy } from "../../src/ebpf/policy.ts";
import { uniform } from "../../src/ebpf/port-bitmap.ts";
import {
  auditing,
  enforcing,
  firewallPolicy,
  list,
  listeningPorts,
  noFirewall,
  TestFirewall,
} from "./support/firewall.ts";
import { type Extension, type Family, type Fragment, ipv4, ipv6, PROTOCOL, TCP, tcp, udp } from "./support/packets.ts";
import { packetCases, policies, SHORTEST } from "./support/random-packets.ts";
import { judgeByReference } from "./support/reference-judge.ts";

const LOOPBACK = 1;
const v4 = { source: "192.0.2.1", destination: "198.51.100.2" };
const v6 = { source: "2001:db8::1", destination: "2001:db8::2" };
const syn = (destination: number, source = 40_000) => tcp({ source, destination, flags: TCP.syn });

describe.skipIf(noFirewall)(`in the kernel${noFirewall ? ` (skipped: ${noFirewall})` : ""}`, () => {
  let firewall: TestFirewall;
  let generation = 0n;
  beforeAll(() => {
    firewall = new TestFirewall();
  });
  afterAll(() => firewall?.[Symbol.dispose]());

  const apply = (policy: Partial<FirewallPolicy>, nodeAddresses: readonly string[] = []): void => {
    generation += 1n;
    firewall.replace({ firewall: firewallPolicy(policy), generation, nodeAddresses });
  };

  /** What one packet adds to the counters, by name; only what changed. */
  const added = (work: () => void): Readonly<Record<string, bigint>> => {
    const before = flat(firewall.counters());
    work();
    const after = flat(firewall.counters());
    return Object.fromEntries(
      Object.entries(after).flatMap(([name, value]) => {
        const difference = value - (before[name] ?? 0n);
        return difference === 0n ? [] : [[name, difference]];
      }),
    );
  };

  const flat = (counters: FirewallCounters): Record<string, bigint> => ({
    ...Object.fromEntries(
      (["ingress", "egress"] as const).flatMap((direction) => [
        ...Object.entries(counters[direction]).map(([name, value]) => [`${direction}.${name}`, value]),
        [`${direction}.unparsable`, counters.unparsable[direction]],
      ]),
    ),
    ...Object.fromEntries(
      counters.byGeneration.flatMap((verdicts, parity) => [
        [
          `generation.${parity}`,
          Object.values(verdicts).reduce(
            (sum, { tcp, udp }) => sum + tcp.allowed + tcp.blocked + udp.allowed + udp.blocked,
            0n,
          ),
        ],
      ]),
    ),
  });

  test("any packet under any policy gets the verdict of the reference, and counts as it says", () => {
    fc.assert(
      fc.property(policies, fc.array(packetCases, { minLength: 20, maxLength: 40 }), (policy, packets) => {
        apply(policy.firewall, policy.nodeAddresses);
        const listening = listeningPorts();
        for (const { packet, family, direction } of packets) {
          const expected = judgeByReference({ packet, family, direction, ...policy, listening });
          let passes: boolean | undefined;
          const counts = added(() => {
            passes = firewall.run(direction, family, packet);
          });
          expect({ passes, counts }).toEqual({ passes: expected.passes, counts: countsOf(expected, direction) });
        }
      }),
      { numRuns: 100 },
    );
  });

  const countsOf = (
    { counted, unparsable }: ReturnType<typeof judgeByReference>,
    direction: Direction,
  ): Record<string, bigint> => ({
    ...(counted && {
      [`${counted.direction}.${counted.verdict}`]: 1n,
      [`${counted.direction}.${counted.protocol}`]: 1n,
      [`generation.${generation % 2n}`]: 1n,
    }),
    ...(unparsable && { [`${direction}.unparsable`]: 1n }),
  });

  const counted = (direction: Direction, protocol: "tcp" | "udp", verdict: "allowed" | "blocked") => ({
    [`${direction}.${verdict}`]: 1n,
    [`${direction}.${protocol}`]: 1n,
    [`generation.${generation % 2n}`]: 1n,
  });

  /** Runs one packet and says what came of it. */
  const judged = (direction: Direction, family: Family, packet: Uint8Array) => {
    let passes = false;
    const counts = added(() => {
      passes = firewall.run(direction, family, packet);
    });
    return { passes, counts };
  };
  const untouched = { passes: true, counts: {} };
  const both = { ingress: enforcing(list({ blocked: [8080] })), egress: enforcing(list({ blocked: [8080] })) };

  test("without a policy everything passes, and nothing is counted", () => {
    using fresh = new TestFirewall();
    expect(fresh.run("ingress", 4, ipv4({ ...v4, protocol: PROTOCOL.tcp, payload: syn(8080) }))).toBe(true);
    expect(fresh.counters().ingress).toEqual({ allowed: 0n, blocked: 0n, tcp: 0n, udp: 0n });
  });

  test.each(["ingress", "egress"] as const)("%s is judged by the destination port, TCP and UDP apart", (direction) => {
    apply({
      [direction]: {
        tcp: { enforced: list({ blocked: [80] }), audited: uniform("allow") },
        udp: { enforced: list({ blocked: [53] }), audited: uniform("allow") },
      },
    });
    const tcpTo = (port: number) => ipv4({ ...v4, protocol: PROTOCOL.tcp, payload: syn(port, 80) });
    const udpTo = (port: number) =>
      ipv6({ ...v6, protocol: PROTOCOL.udp, payload: udp({ source: 53, destination: port }) });
    expect(judged(direction, 4, tcpTo(80))).toEqual({ passes: false, counts: counted(direction, "tcp", "blocked") });
    expect(judged(direction, 4, tcpTo(53))).toEqual({ passes: true, counts: counted(direction, "tcp", "allowed") });
    expect(judged(direction, 6, udpTo(53))).toEqual({ passes: false, counts: counted(direction, "udp", "blocked") });
    expect(judged(direction, 6, udpTo(80))).toEqual({ passes: true, counts: counted(direction, "udp", "allowed") });
    const other = direction === "ingress" ? "egress" : "ingress";
    expect(judged(other, 4, tcpTo(80))).toEqual(untouched);
  });

  test.each([0, 1, 65_534, 65_535])("port %i alone can be open, and alone closed", (port) => {
    const at = (destination: number) => ipv4({ ...v4, protocol: PROTOCOL.tcp, payload: syn(destination) });
    apply({ ingress: enforcing(list({ allowed: [port] })) });
    expect([port, port ^ 1, port ^ 8, port ^ 0x8000].map((to) => firewall.run("ingress", 4, at(to)))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    apply({ ingress: enforcing(list({ blocked: [port] })) });
    expect([port, port ^ 1, port ^ 8, port ^ 0x8000].map((to) => firewall.run("ingress", 4, at(to)))).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });

  test("a SYN without ACK is an attempt, whatever else is set; with ACK it is none", () => {
    apply(both);
    for (let flags = 0; flags < 256; flags++) {
      const packet = ipv4({ ...v4, protocol: PROTOCOL.tcp, payload: tcp({ source: 1, destination: 8080, flags }) });
      const isAttempt = (flags & TCP.syn) !== 0 && (flags & TCP.ack) === 0;
      const expected = isAttempt ? { passes: false, counts: counted("ingress", "tcp", "blocked") } : untouched;
      expect({ flags, ...judged("ingress", 4, packet) }).toEqual({ flags, ...expected });
    }
  });

  test("audit lets through and counts as blocked what enforce would block, and both together drop what either enforces", () => {
    const packet = (port: number) => ipv4({ ...v4, protocol: PROTOCOL.tcp, payload: syn(port) });
    apply({ ingress: auditing(list({ blocked: [8080] })) });
    expect(judged("ingress", 4, packet(8080))).toEqual({ passes: true, counts: counted("ingress", "tcp", "blocked") });
    const verdicts = { enforced: list({ blocked: [80] }), audited: list({ blocked: [80, 8080] }) };
    apply({ ingress: { tcp: verdicts, udp: verdicts } });
    expect(judged("ingress", 4, packet(80))).toEqual({ passes: false, counts: counted("ingress", "tcp", "blocked") });
    expect(judged("ingress", 4, packet(8080))).toEqual({ passes: true, counts: counted("ingress", "tcp", "blocked") });
    expect(judged("ingress", 4, packet(81))).toEqual({ passes: true, counts: counted("ingress", "tcp", "allowed") });
  });

  const chains: readonly (readonly [name: string, chain: readonly Extension[]])[] = [
    ["hop-by-hop options", [{ protocol: PROTOCOL.hopByHop }]],
    ["long destination options", [{ protocol: PROTOCOL.destination, extra: 255 }]],
    ["routing", [{ protocol: PROTOCOL.routing, extra: 2 }]],
    ["authentication", [{ protocol: PROTOCOL.authentication, extra: 4 }]],
    ["mobility", [{ protocol: PROTOCOL.mobility, extra: 1 }]],
    ["host identity", [{ protocol: PROTOCOL.hostIdentity, extra: 4 }]],
    ["shim6", [{ protocol: PROTOCOL.shim6 }]],
    ["a first fragment", [{ protocol: PROTOCOL.fragment, fragment: { offset: 0, more: true } }]],
    ["an atomic fragment", [{ protocol: PROTOCOL.fragment, fragment: { offset: 0, more: false } }]],
    [
      "all that RFC 8200 names, in its order",
      [
        { protocol: PROTOCOL.hopByHop, extra: 1 },
        { protocol: PROTOCOL.destination },
        { protocol: PROTOCOL.routing },
        { protocol: PROTOCOL.fragment, fragment: { offset: 0, more: true } },
        { protocol: PROTOCOL.authentication, extra: 4 },
        { protocol: PROTOCOL.destination, extra: 2 },
      ],
    ],
    ["eight of them", Array.from({ length: 8 }, () => ({ protocol: PROTOCOL.destination }))],
  ];
  test.each(chains)("TCP and UDP are found behind IPv6 extension headers: %s", (_, extensions) => {
    apply(both);
    const tcpPacket = (port: number) => ipv6({ ...v6, extensions, protocol: PROTOCOL.tcp, payload: syn(port) });
    const udpPacket = ipv6({
      ...v6,
      extensions,
      protocol: PROTOCOL.udp,
      payload: udp({ source: 1, destination: 8080 }),
    });
    expect(judged("ingress", 6, tcpPacket(8080))).toEqual({
      passes: false,
      counts: counted("ingress", "tcp", "blocked"),
    });
    expect(judged("egress", 6, tcpPacket(8081))).toEqual({ passes: true, counts: counted("egress", "tcp", "allowed") });
    expect(judged("egress", 6, udpPacket)).toEqual({ passes: false, counts: counted("egress", "udp", "blocked") });
  });

  test("a chain that goes on and on is dropped where a policy blocks anything, and counted apart", () => {
    const extensions = Array.from({ length: 9 }, () => ({ protocol: PROTOCOL.destination }));
    const packet = ipv6({ ...v6, extensions, protocol: PROTOCOL.tcp, payload: syn(80) });
    apply(both);
    expect(judged("ingress", 6, packet)).toEqual({ passes: false, counts: { "ingress.unparsable": 1n } });
    apply({ ingress: enforcing(uniform("allow")) });
    expect(judged("ingress", 6, packet)).toEqual({ passes: true, counts: { "ingress.unparsable": 1n } });
    apply({ ingress: auditing(uniform("block")) });
    expect(judged("ingress", 6, packet)).toEqual({ passes: true, counts: { "ingress.unparsable": 1n } });
  });

  test.each([PROTOCOL.esp, PROTOCOL.none, PROTOCOL.icmpv6, PROTOCOL.sctp, PROTOCOL.udpLite, 253])(
    "what ends in protocol %i passes uncounted, over both families",
    (protocol) => {
      apply({ ingress: enforcing(uniform("block")), egress: enforcing(uniform("block")) });
      const payload = syn(8080);
      for (const direction of ["ingress", "egress"] as const) {
        expect(judged(direction, 4, ipv4({ ...v4, protocol, payload }))).toEqual(untouched);
        expect(judged(direction, 6, ipv6({ ...v6, protocol, payload }))).toEqual(untouched);
        const extensions = [{ protocol: PROTOCOL.hopByHop }];
        expect(judged(direction, 6, ipv6({ ...v6, extensions, protocol, payload }))).toEqual(untouched);
      }
    },
  );

  test("of a fragmented datagram the first fragment is judged and the later ones pass", () => {
    apply(both);
    const parts = (fragment: Fragment): readonly (readonly [Direction, Family, Buffer])[] => [
      ["ingress", 4, ipv4({ ...v4, protocol: PROTOCOL.udp, payload: udp({ source: 1, destination: 8080 }), fragment })],
      [
        "ingress",
        6,
        ipv6({
          ...v6,
          extensions: [{ protocol: PROTOCOL.fragment, fragment }],
          protocol: PROTOCOL.udp,
          payload: udp({ source: 1, destination: 8080 }),
        }),
      ],
    ];
    for (const part of parts({ offset: 0, more: true })) {
      expect(judged(...part)).toEqual({ passes: false, counts: counted("ingress", "udp", "blocked") });
    }
    for (const part of [...parts({ offset: 1, more: true }), ...parts({ offset: 185, more: false })]) {
      expect(judged(...part)).toEqual(untouched);
    }
  });

  test("a fragment that would overwrite the flags of TCP, or a first one too short to hold them, is blocked", () => {
    apply(both);
    const overlapping = ipv4({ ...v4, protocol: PROTOCOL.tcp, payload: syn(80), fragment: { offset: 1, more: false } });
    const tiny = ipv4({
      ...v4,
      protocol: PROTOCOL.tcp,
      payload: syn(80).subarray(0, 8),
      fragment: { offset: 0, more: true },
    });
    for (const packet of [overlapping, tiny]) {
      expect(judged("egress", 4, packet)).toEqual({ passes: false, counts: counted("egress", "tcp", "blocked") });
    }
  });

  const cutPackets: readonly (readonly [string, Family, Buffer])[] = [
    ["TCP over IPv4 with options", 4, ipv4({ ...v4, optionWords: 10, protocol: PROTOCOL.tcp, payload: syn(80) })],
    ["UDP over IPv4", 4, ipv4({ ...v4, protocol: PROTOCOL.udp, payload: udp({ source: 1, destination: 80 }) })],
    [
      "TCP over IPv6 with extension headers",
      6,
      ipv6({
        ...v6,
        extensions: [
          { protocol: PROTOCOL.hopByHop, extra: 1 },
          { protocol: PROTOCOL.authentication, extra: 4 },
        ],
        protocol: PROTOCOL.tcp,
        payload: syn(80),
      }),
    ],
  ];
  test.each(cutPackets)(
    "cut off at any byte before its ports, %s to an open port is dropped where a port is blocked",
    (_, family, packet) => {
      apply(both);
      // Payload: two bytes behind the header, which are not needed.
      for (let length = SHORTEST[family]; length < packet.length - 2; length++) {
        expect({ length, passes: firewall.run("ingress", family, packet.subarray(0, length)) }).toEqual({
          length,
          passes: false,
        });
      }
      expect(firewall.run("ingress", family, packet.subarray(0, packet.length - 2))).toBe(true);
      apply({ ingress: enforcing(uniform("allow")) });
      for (let length = SHORTEST[family]; length < packet.length; length++) {
        expect({ length, passes: firewall.run("ingress", family, packet.subarray(0, length)) }).toEqual({
          length,
          passes: true,
        });
      }
    },
  );

  test("on the loopback device nothing is judged", () => {
    apply({ ingress: enforcing(uniform("block")), egress: enforcing(uniform("block")) });
    const packet = ipv4({ ...v4, protocol: PROTOCOL.tcp, payload: syn(80) });
    for (const direction of ["ingress", "egress"] as const) {
      const counts = added(() => expect(firewall.run(direction, 4, packet, { device: LOOPBACK })).toBe(true));
      expect(counts).toEqual({});
      expect(firewall.run(direction, 4, packet)).toBe(false);
    }
  });

  test("from the node's addresses the probe ports are open for TCP, and no others, and to no one else", () => {
    const nodeAddresses = [...Array.from({ length: 126 }, (_, index) => `10.0.0.${index}`), "192.0.2.1", "2001:db8::1"];
    apply(
      { ingress: enforcing(uniform("block")), egress: enforcing(uniform("block")), probePorts: [8080, 65_535] },
      nodeAddresses,
    );
    const from = (source: string, port: number) =>
      source.includes(":")
        ? firewall.run("ingress", 6, ipv6({ ...v6, source, protocol: PROTOCOL.tcp, payload: syn(port) }))
        : firewall.run("ingress", 4, ipv4({ ...v4, source, protocol: PROTOCOL.tcp, payload: syn(port) }));
    for (const node of ["192.0.2.1", "10.0.0.0", "10.0.0.125", "2001:db8::1"]) {
      expect([8080, 65_535, 80, 0].map((port) => from(node, port))).toEqual([true, true, false, false]);
    }
    for (const stranger of ["192.0.2.2", "10.0.0.126", "2001:db8::2"]) {
      expect({ stranger, passes: from(stranger, 8080) }).toEqual({ stranger, passes: false });
    }
    const datagram = udp({ source: 1, destination: 8080 });
    expect(firewall.run("ingress", 4, ipv4({ ...v4, protocol: PROTOCOL.udp, payload: datagram }))).toBe(false);
    const toNode = { source: v4.destination, destination: v4.source, protocol: PROTOCOL.tcp, payload: syn(8080) };
    expect(firewall.run("egress", 4, ipv4(toNode))).toBe(false);
  });

  test("an audited block of a probe port does not count for the node either", () => {
    apply({ ingress: auditing(uniform("block")), probePorts: [8080] }, ["192.0.2.1"]);
    const packet = ipv4({ ...v4, protocol: PROTOCOL.tcp, payload: syn(8080) });
    expect(judged("ingress", 4, packet)).toEqual({ passes: true, counts: counted("ingress", "tcp", "allowed") });
  });

  test("a connection older than the program is inbound if its local port listens, and outbound if not", async () => {
    await using server = createServer();
    await once(server.listen(0, "::"), "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const data = (source: number, destination: number) => tcp({ source, destination, flags: TCP.ack });
    const inbound = { ingress: enforcing(uniform("block")), established: "enforce" } as const;
    apply(inbound);
    const toListener = ipv4({ ...v4, protocol: PROTOCOL.tcp, payload: data(4711, address.port) });
    const toListener6 = ipv6({ ...v6, protocol: PROTOCOL.tcp, payload: data(4711, address.port) });
    const fromListener = ipv4({ ...v4, protocol: PROTOCOL.tcp, payload: data(address.port, 4711) });
    const blocked = { passes: false, counts: counted("ingress", "tcp", "blocked") };
    expect(judged("ingress", 4, toListener)).toEqual(blocked);
    expect(judged("ingress", 6, toListener6)).toEqual(blocked);
    expect(judged("egress", 4, fromListener)).toEqual(blocked);
    // What is sent from a port on which nothing listens was opened by the Pod, which this policy does not judge.
    expect(judged("egress", 4, toListener)).toEqual(untouched);
    apply({ ...inbound, established: "keep" });
    expect(judged("ingress", 4, toListener)).toEqual(untouched);
  });

  test.each(["ingress", "egress"] as const)(
    "datagrams that travel as one buffer are counted one by one, %s",
    (direction) => {
      using fresh = new TestFirewall();
      fresh.replace({ firewall: firewallPolicy(both), generation: 1n, nodeAddresses: [] });
      const datagram = (port: number) =>
        ipv4({ ...v4, protocol: PROTOCOL.udp, payload: udp({ source: 1, destination: port }) });
      expect(fresh.run(direction, 4, datagram(80), { segments: 10 })).toBe(true);
      expect(fresh.run(direction, 4, datagram(8080), { segments: 7 })).toBe(false);
      expect(fresh.run(direction, 4, datagram(8080), { segments: 3 })).toBe(false);
      expect(fresh.counters()[direction]).toEqual({ allowed: 10n, blocked: 10n, tcp: 0n, udp: 20n });
      expect(fresh.blockedPorts()).toEqual([{ port: 8080, direction, protocol: "udp", count: 10n }]);
    },
  );

  test("blocked ports are counted by port, direction and protocol", () => {
    using fresh = new TestFirewall();
    fresh.replace({ firewall: firewallPolicy(both), generation: 1n, nodeAddresses: [] });
    const packet = ipv4({ ...v4, protocol: PROTOCOL.tcp, payload: syn(8080) });
    const datagram = ipv4({ ...v4, protocol: PROTOCOL.udp, payload: udp({ source: 1, destination: 8080 }) });
    for (const _ of [1, 2, 3]) fresh.run("ingress", 4, packet);
    fresh.run("egress", 4, packet);
    fresh.run("egress", 4, datagram);
    fresh.run("egress", 4, datagram);
    expect(new Set(fresh.blockedPorts())).toEqual(
      new Set([
        { port: 8080, direction: "ingress", protocol: "tcp", count: 3n },
        { port: 8080, direction: "egress", protocol: "tcp", count: 1n },
        { port: 8080, direction: "egress", protocol: "udp", count: 2n },
      ]),
    );
  });

  test("of more blocked ports than there is room for, those stay at which most was blocked", () => {
    using fresh = new TestFirewall();
    fresh.replace({ firewall: firewallPolicy({ ingress: enforcing(uniform("block")) }), generation: 1n });
    const call = (port: number, times: number) => {
      const packet = ipv4({ ...v4, protocol: PROTOCOL.tcp, payload: syn(port) });
      for (let time = 0; time < times; time++) fresh.run("ingress", 4, packet);
    };
    // All of one bucket.
    const busy = [1, 257, 513];
    for (const port of busy) call(port, 9);
    for (let scanned = 769; scanned < 65_536; scanned += 256) call(scanned, 1);
    const kept = fresh.blockedPorts();
    expect(kept.filter(({ count }) => count === 9n).map(({ port }) => port)).toEqual(busy);
    expect(kept.length).toBe(4);
    expect(fresh.counters().ingress.blocked).toBe(27n + 253n);
  });

  test("programs of another version go on with the same maps", () => {
    using older = new TestFirewall();
    older.replace({ firewall: firewallPolicy(both), generation: 1n, nodeAddresses: [] });
    using newer = new TestFirewall(older);
    const packet = (port: number) => ipv4({ ...v4, protocol: PROTOCOL.tcp, payload: syn(port) });
    expect([8080, 80].map((port) => older.run("ingress", 4, packet(port)))).toEqual([false, true]);
    expect([8080, 80].map((port) => newer.run("ingress", 4, packet(port)))).toEqual([false, true]);
    expect(newer.counters().ingress).toEqual({ allowed: 2n, blocked: 2n, tcp: 4n, udp: 0n });
    newer.replace({
      firewall: firewallPolicy({ ingress: enforcing(uniform("allow")) }),
      generation: 2n,
      nodeAddresses: [],
    });
    expect(older.run("ingress", 4, packet(8080))).toBe(true);
  });
});
