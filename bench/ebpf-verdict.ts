import { type Direction, FIREWALL_PROGRAMS } from "../packages/operator/src/ebpf/layout.ts";
import type { FirewallPolicy } from "../packages/operator/src/ebpf/policy.ts";
import {
  auditing,
  enforcing,
  firewallPolicy,
  list,
  TestFirewall,
} from "../packages/operator/test/ebpf/support/firewall.ts";
import {
  type Extension,
  frame,
  ipv4,
  ipv6,
  PROTOCOL,
  TCP,
  tcp,
  udp,
} from "../packages/operator/test/ebpf/support/packets.ts";
import { atMost, type EbpfOptions, type Figure } from "./figure.ts";
import { median } from "./statistics.ts";

/** What a verdict may take, nanoseconds. */
const LIMIT = 150;
/** What users are promised of any packet: the limit of the rare kinds that take more. */
const PROMISED = 1_000;
const REPEAT = 300_000;
/** `struct __sk_buff`, and its `ifindex`. Not the loopback, on which nothing is judged. */
const CONTEXT_SIZE = 192;
const IFINDEX = 40;
const OTHER_DEVICE = 2;
const OPEN = 80;
const CLOSED = 81;

const four = { source: "10.0.0.1", destination: "10.0.0.2" };
const six = { source: "fd00::1", destination: "fd00::2" };
/** A peer to which the Pod sends a request before its answers are measured. */
const asked = { source: "10.0.0.3", destination: "10.0.0.4" };
const back = { source: asked.destination, destination: asked.source };
const ports = (destination: number) => ({ source: 40_000, destination });
const syn = (port: number) => tcp({ ...ports(port), flags: TCP.syn });
const tcp4 = (payload: Uint8Array) => frame(4, ipv4({ ...four, protocol: PROTOCOL.tcp, payload }));
const udp4 = (port: number, between = four) =>
  frame(4, ipv4({ ...between, protocol: PROTOCOL.udp, payload: udp(ports(port)) }));
const tcp6 = (payload: Uint8Array, extensions: readonly Extension[] = []) =>
  frame(6, ipv6({ ...six, protocol: PROTOCOL.tcp, payload, extensions }));
const udp6 = (port: number) => frame(6, ipv6({ ...six, protocol: PROTOCOL.udp, payload: udp(ports(port)) }));
/** As many as are followed. */
const EIGHT_EXTENSIONS = Array.from({ length: 8 }, (): Extension => ({ protocol: PROTOCOL.destination }));
const inConnection = tcp4(tcp({ ...ports(OPEN), flags: TCP.ack }));

interface Scene {
  readonly what: string;
  readonly direction: Direction;
  readonly packet: Uint8Array;
  /** Default: `LIMIT`. */
  readonly limit?: number;
}

const scene = (what: string, direction: Direction, packet: Uint8Array): Scene => ({ what, direction, packet });

/** The kinds of packets that there are for the program, for a Pod that only answers, the frequent one first. */
const SERVER: readonly Scene[] = [
  scene("TCP in a connection", "ingress", inConnection),
  scene("SYN, allowed", "ingress", tcp4(syn(OPEN))),
  scene("SYN, blocked", "ingress", tcp4(syn(CLOSED))),
  scene("UDP, allowed", "ingress", udp4(OPEN)),
  scene("UDP, blocked", "ingress", udp4(CLOSED)),
  scene("IPv6 SYN, allowed", "ingress", tcp6(syn(OPEN))),
  {
    ...scene("IPv6 SYN, allowed, behind eight extension headers", "ingress", tcp6(syn(OPEN), EIGHT_EXTENSIONS)),
    limit: PROMISED,
  },
  scene("IPv6 UDP, allowed", "ingress", udp6(OPEN)),
  scene("IPv6 UDP, blocked", "ingress", udp6(CLOSED)),
  scene("outgoing SYN, blocked", "egress", tcp4(syn(CLOSED))),
  scene("outgoing UDP, blocked", "egress", udp4(CLOSED, back)),
];

/** For sockets that ask as well: whether a datagram is an answer has to be looked up. */
const CLIENT: readonly Scene[] = [
  scene("outgoing UDP request", "egress", udp4(OPEN, asked)),
  scene(
    "UDP answer to a request",
    "ingress",
    frame(4, ipv4({ ...back, protocol: PROTOCOL.udp, payload: udp({ source: OPEN, destination: 40_000 }) })),
  ),
  scene("UDP, blocked, where answers are awaited", "ingress", udp4(CLOSED)),
];

/** With `establishedConnections: enforce`: each packet of a connection asks its socket who opened it, and is looked up. */
const ESTABLISHED: readonly Scene[] = [
  scene("TCP in a connection, enforced", "ingress", inConnection),
  scene("TCP in a connection, enforced, blocked", "ingress", tcp4(tcp({ ...ports(CLOSED), flags: TCP.ack }))),
  scene("IPv6 TCP in a connection, enforced", "ingress", tcp6(tcp({ ...ports(OPEN), flags: TCP.ack }))),
];

/** With `mode: audit`. */
const AUDIT: readonly Scene[] = [
  scene("SYN, audited", "ingress", tcp4(syn(CLOSED))),
  scene("UDP, audited", "ingress", udp4(CLOSED)),
];

const testFirewall = (changes: Partial<FirewallPolicy> = {}): TestFirewall => {
  const firewall = new TestFirewall();
  const direction = enforcing(LIST);
  const policy = firewallPolicy({ ingress: direction, egress: direction, ...changes });
  firewall.replace({ firewall: policy, generation: 1n });
  return firewall;
};

const LIST = list({ allowed: [OPEN] });

/** The time of one verdict by the kernel's own clock (BPF_PROG_TEST_RUN). */
export const measureVerdicts = async ({ rounds }: EbpfOptions): Promise<Figure[]> => {
  using server = testFirewall();
  using client = testFirewall();
  using established = testFirewall({ established: "enforce" });
  using audit = testFirewall({ ingress: auditing(LIST), egress: auditing(LIST) });
  const ctxIn = Buffer.alloc(CONTEXT_SIZE);
  ctxIn.writeUInt32LE(OTHER_DEVICE, IFINDEX);
  const times = new Map<string, { readonly limit: number; readonly durations: number[] }>();
  const measure = (firewall: TestFirewall, { what, direction, packet, limit = LIMIT }: Scene): void => {
    const program = firewall.object.program(FIREWALL_PROGRAMS[direction]);
    const { durationNs } = program.testRun({ dataIn: packet, ctxIn, repeat: REPEAT });
    times.set(what, { limit, durations: [...(times.get(what)?.durations ?? []), durationNs] });
  };
  for (let round = 0; round < rounds; round++) {
    for (const each of SERVER) measure(server, each);
    for (const each of CLIENT) measure(client, each);
    for (const each of ESTABLISHED) measure(established, each);
    for (const each of AUDIT) measure(audit, each);
  }
  return [...times].map(([what, { limit, durations }]) => atMost(`a verdict: ${what}`, median(durations), limit, "ns"));
};
