import { FIREWALL_PROGRAMS } from "../packages/operator/src/ebpf/layout.ts";
import { enforcing, firewallPolicy, list, TestFirewall } from "../packages/operator/test/ebpf/support/firewall.ts";
import { frame, ipv4, ipv6, PROTOCOL, TCP, tcp, udp } from "../packages/operator/test/ebpf/support/packets.ts";
import { atMost, type EbpfFigure, type EbpfOptions } from "./ebpf-figure.ts";
import { median } from "./statistics.ts";

/** What a verdict may take, nanoseconds. Users are promised 1,000 a packet. */
const LIMIT = 150;
const REPEAT = 1_000_000;
/** `struct __sk_buff`, and its `ifindex`. Not the loopback, on which nothing is judged. */
const CONTEXT_SIZE = 192;
const IFINDEX = 40;
const OTHER_DEVICE = 2;

const four = { source: "10.0.0.1", destination: "10.0.0.2" };
const six = { source: "fd00::1", destination: "fd00::2" };
const ports = (destination: number) => ({ source: 40_000, destination });
const syn = (port: number) => tcp({ ...ports(port), flags: TCP.syn });

/** The kinds of packets that there are for the program, the frequent one first. */
const PACKETS = {
  "TCP in a connection": frame(
    4,
    ipv4({ ...four, protocol: PROTOCOL.tcp, payload: tcp({ ...ports(80), flags: TCP.ack }) }),
  ),
  "SYN, allowed": frame(4, ipv4({ ...four, protocol: PROTOCOL.tcp, payload: syn(80) })),
  "SYN, blocked": frame(4, ipv4({ ...four, protocol: PROTOCOL.tcp, payload: syn(81) })),
  "UDP, allowed": frame(4, ipv4({ ...four, protocol: PROTOCOL.udp, payload: udp(ports(80)) })),
  "UDP, blocked": frame(4, ipv4({ ...four, protocol: PROTOCOL.udp, payload: udp(ports(81)) })),
  "IPv6 SYN, allowed": frame(6, ipv6({ ...six, protocol: PROTOCOL.tcp, payload: syn(80) })),
} as const;

/** The time of one verdict by the kernel's own clock (BPF_PROG_TEST_RUN), of what comes to a Pod. */
export const measureVerdicts = async ({ rounds }: EbpfOptions): Promise<EbpfFigure[]> => {
  using firewall = new TestFirewall();
  const ingress = enforcing(list({ allowed: [80] }));
  firewall.replace({ firewall: firewallPolicy({ ingress }), generation: 1n, nodeAddresses: ["10.0.0.9"] });
  const program = firewall.object.program(FIREWALL_PROGRAMS.ingress);
  const ctxIn = Buffer.alloc(CONTEXT_SIZE);
  ctxIn.writeUInt32LE(OTHER_DEVICE, IFINDEX);
  const times = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [what, dataIn] of Object.entries(PACKETS)) {
      const { durationNs } = program.testRun({ dataIn, ctxIn, repeat: REPEAT });
      times.set(what, [...(times.get(what) ?? []), durationNs]);
    }
  }
  return [...times].map(([what, durations]) => atMost(`a verdict: ${what}`, median(durations), LIMIT, "ns"));
};
