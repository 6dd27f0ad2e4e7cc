import fc from "fast-check";
import type { Direction } from "../../../src/ebpf/layout.ts";
import type { DirectionPolicy, FirewallPolicy } from "../../../src/ebpf/policy.ts";
import { type PortBitmap, uniform } from "../../../src/ebpf/port-bitmap.ts";
import { list } from "./firewall.ts";
import { type Extension, type Family, ipv4, ipv6, PROTOCOL, TCP, tcp, udp } from "./packets.ts";

/** Few, so that policies and packets meet, and both ends. */
const port = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(0, 1, 7, 8, 53, 80, 443, 8080, 65_528, 65_534, 65_535) },
  { weight: 1, arbitrary: fc.nat(65_535) },
);

const IPV4 = ["192.0.2.1", "198.51.100.2", "203.0.113.255"];
const IPV6 = ["2001:db8::1", "2001:db8:0:1::ffff", "fe80::1"];

const bitmap: fc.Arbitrary<PortBitmap> = fc.oneof(
  fc.constant(uniform("allow")),
  fc.constant(uniform("block")),
  fc.array(port, { maxLength: 8 }).map((blocked) => list({ blocked })),
  fc.array(port, { maxLength: 8 }).map((allowed) => list({ allowed })),
);

const verdicts = fc.record({ enforced: bitmap, audited: bitmap });
const directionPolicy: fc.Arbitrary<DirectionPolicy> = fc.record({ tcp: verdicts, udp: verdicts });

export interface RandomPolicy {
  readonly firewall: FirewallPolicy;
  readonly nodeAddresses: readonly string[];
}

export const policies: fc.Arbitrary<RandomPolicy> = fc.record({
  firewall: fc.record({
    ingress: fc.option(directionPolicy, { nil: undefined, freq: 3 }),
    egress: fc.option(directionPolicy, { nil: undefined, freq: 3 }),
    established: fc.constantFrom("keep", "enforce"),
    probePorts: fc.uniqueArray(port, { maxLength: 3 }),
  }),
  nodeAddresses: fc.subarray([...IPV4, ...IPV6]),
});

export interface PacketCase {
  readonly direction: Direction;
  readonly family: Family;
  readonly packet: Buffer;
}

const segment = fc.record({ source: port, destination: port });
const flags = fc.oneof(
  fc.constantFrom<number>(TCP.syn, TCP.ack, TCP.syn | TCP.ack, TCP.syn | TCP.ece | TCP.cwr),
  fc.nat(255),
);

const transport = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(segment, flags).map(([ports, bits]) => ({
      protocol: PROTOCOL.tcp as number,
      payload: tcp({ ...ports, flags: bits }),
    })),
  },
  { weight: 4, arbitrary: segment.map((ports) => ({ protocol: PROTOCOL.udp as number, payload: udp(ports) })) },
  {
    weight: 1,
    arbitrary: fc.record({
      protocol: fc.nat(255),
      payload: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    }),
  },
);

const fragment = fc.record({ offset: fc.constantFrom(0, 0, 0, 1, 2, 0x1fff), more: fc.boolean() });

const extension: fc.Arbitrary<Extension> = fc.oneof(
  fc.record({ protocol: fc.constant(PROTOCOL.fragment), fragment }),
  fc.record({
    protocol: fc.constantFrom(
      PROTOCOL.hopByHop,
      PROTOCOL.routing,
      PROTOCOL.authentication,
      PROTOCOL.destination,
      PROTOCOL.mobility,
      PROTOCOL.hostIdentity,
      PROTOCOL.shim6,
    ),
    // Long ones put what follows out of the part that is read in place.
    extra: fc.oneof({ weight: 6, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(255) }),
  }),
);

const wellFormed: fc.Arbitrary<{ readonly family: Family; readonly packet: Buffer }> = fc.oneof(
  fc
    .record({
      source: fc.constantFrom(...IPV4),
      destination: fc.constantFrom(...IPV4),
      transport,
      optionWords: fc.oneof(fc.constant(0), fc.nat(10)),
      fragment: fc.option(fragment, { freq: 3 }),
    })
    .map(({ transport: { protocol, payload }, fragment: part, ...rest }) => ({
      family: 4 as const,
      packet: ipv4({ ...rest, protocol, payload, ...(part && { fragment: part }) }),
    })),
  fc
    .record({
      source: fc.constantFrom(...IPV6),
      destination: fc.constantFrom(...IPV6),
      transport,
      extensions: fc.oneof(
        fc.constant([]),
        fc.array(extension, { maxLength: 3 }),
        fc.array(extension, { maxLength: 10 }),
      ),
    })
    .map(({ transport: { protocol, payload }, ...rest }) => ({
      family: 6 as const,
      packet: ipv6({ ...rest, protocol, payload }),
    })),
);

/** BPF_PROG_TEST_RUN refuses packets without a whole IP header (Linux 6.18), and so does the kernel before it asks programs. */
export const SHORTEST = { 4: 20, 6: 40 } as const;
/** It takes what fits into a page, with room to spare. */
const LONGEST = 3000;

/** Whole, cut off somewhere, with some bytes changed, or said to be of the other family. */
export const packetCases: fc.Arbitrary<PacketCase> = fc
  .record({
    direction: fc.constantFrom<Direction>("ingress", "egress"),
    ip: wellFormed,
    cut: fc.option(fc.nat(400), { freq: 4 }),
    changes: fc.oneof(
      { weight: 5, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 3 }) },
    ),
    lies: fc.oneof({ weight: 15, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  })
  .map(({ direction, ip, cut, changes, lies }) => {
    const family = lies ? (ip.family === 4 ? 6 : 4) : ip.family;
    const shortest = SHORTEST[family];
    const whole = Buffer.concat([
      ip.packet.subarray(0, LONGEST),
      Buffer.alloc(Math.max(0, shortest - ip.packet.length)),
    ]);
    const bytes = whole.subarray(0, cut === null ? whole.length : shortest + (cut % (whole.length - shortest + 1)));
    for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
    return { direction, family, packet: bytes };
  });
