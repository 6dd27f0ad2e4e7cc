/*
 * What the firewall has to say of one packet, out of the contract and the RFCs, without regard to how the program does it. It
 * keeps no flows: each packet is the first of its own.
 */
import { parseAddress } from "../../../src/ebpf/address.ts";
import type { Direction, Protocol } from "../../../src/ebpf/layout.ts";
import type { FirewallPolicy, PortVerdicts } from "../../../src/ebpf/policy.ts";
import { isAllowed } from "../../../src/ebpf/port-bitmap.ts";
import { type Family, PROTOCOL, TCP } from "./packets.ts";

export interface Question {
  /** From the IP header on. */
  readonly packet: Uint8Array;
  /** What the link layer says it is. */
  readonly family: Family;
  readonly direction: Direction;
  readonly firewall: FirewallPolicy;
  readonly nodeAddresses: readonly string[];
  /** TCP ports on which the Pod listens. */
  readonly listening?: readonly number[];
}

export interface Judgement {
  readonly passes: boolean;
  /** Where it is counted, if it is. */
  readonly counted?: {
    readonly direction: Direction;
    readonly protocol: Protocol;
    readonly verdict: "allowed" | "blocked";
    /** Blocked, and its port is known. */
    readonly port?: number;
  };
  readonly unparsable?: true;
}

const PASSES: Judgement = { passes: true };

export const judgeByReference = (question: Question): Judgement => {
  const { direction, firewall } = question;
  const transport = findTransport(question.packet, question.family);
  const lists = firewall[direction];
  if (transport === "other") return PASSES;
  if (transport === "unparsable") {
    if (lists === undefined) return PASSES;
    const restricts = blocksSome(lists.tcp.enforced) || blocksSome(lists.udp.enforced);
    return { passes: !restricts, unparsable: true };
  }
  const { protocol, header } = transport;
  if (header.length < (protocol === "tcp" ? 20 : 8)) {
    return lists === undefined ? PASSES : judgeWithoutPort(lists[protocol], { direction, protocol });
  }
  return judgePort(question, { protocol, header });
};

const judgeWithoutPort = (
  { enforced, audited }: PortVerdicts,
  counted: { readonly direction: Direction; readonly protocol: Protocol },
): Judgement => {
  if (blocksSome(enforced)) return { passes: false, counted: { ...counted, verdict: "blocked" } };
  return { passes: true, counted: { ...counted, verdict: blocksSome(audited) ? "blocked" : "allowed" } };
};

const blocksSome = (bitmap: Uint8Array): boolean => bitmap.some((byte) => byte !== 0xff);

interface Transport {
  readonly protocol: Protocol;
  /** What there is of it. */
  readonly header: Buffer;
}

const judgePort = (question: Question, { protocol, header }: Transport): Judgement => {
  const { direction, firewall } = question;
  const [source, destination] = [header.readUInt16BE(0), header.readUInt16BE(2)];
  const flags = protocol === "tcp" ? header.readUInt8(13) : undefined;
  const attempts = flags === undefined || ((flags & TCP.syn) !== 0 && (flags & TCP.ack) === 0);
  if (!attempts && firewall.established === "keep") return PASSES;
  // By the port on which the connection was opened, which in answers is the source.
  const localPort = direction === "ingress" ? destination : source;
  const opener = attempts ? direction : question.listening?.includes(localPort) ? "ingress" : "egress";
  const lists = firewall[opener];
  if (lists === undefined) return PASSES;
  const port = opener === direction ? destination : source;
  const verdict = verdictOn(
    lists[protocol],
    port,
    opener === "ingress" && protocol === "tcp" && isProbe(question, port),
  );
  if (!attempts && verdict === "allowed") return PASSES;
  const counted = { direction: opener, protocol };
  if (verdict === "allowed") return { passes: true, counted: { ...counted, verdict } };
  return { passes: verdict === "audited", counted: { ...counted, verdict: "blocked", port } };
};

const verdictOn = ({ enforced, audited }: PortVerdicts, port: number, isProbed: boolean) => {
  if (isProbed) return "allowed";
  if (!isAllowed(enforced, port)) return "blocked";
  return isAllowed(audited, port) ? "allowed" : "audited";
};

const isProbe = ({ firewall, nodeAddresses, packet, family, direction }: Question, port: number): boolean => {
  const at = direction === "ingress" ? 0 : 1;
  const remote = Buffer.from(
    family === 4 ? packet.subarray(12 + at * 4, 16 + at * 4) : packet.subarray(8 + at * 16, 24 + at * 16),
  );
  const mapped = family === 4 ? Buffer.concat([parseAddress("0.0.0.0").subarray(0, 12), remote]) : remote;
  return firewall.probePorts.includes(port) && nodeAddresses.some((node) => mapped.equals(parseAddress(node)));
};

const findTransport = (packet: Uint8Array, family: Family): Transport | "other" | "unparsable" => {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.length);
  if (family === 6) return bytes.length < 40 || bytes.readUInt8(0) >> 4 !== 6 ? "unparsable" : followChain(bytes);
  if (bytes.length < 20) return "unparsable";
  const [version, words] = [bytes.readUInt8(0) >> 4, bytes.readUInt8(0) & 15];
  if (version !== 4 || words < 5) return "unparsable";
  return transportOf(bytes.readUInt8(9), bytes.subarray(words * 4), bytes.readUInt16BE(6) & 0x1fff);
};

/** Chains may have up to eight extension headers. */
const followChain = (bytes: Buffer): Transport | "other" | "unparsable" => {
  let [protocol, rest, followed] = [bytes.readUInt8(6), bytes.subarray(40), 0];
  while (EXTENSIONS.has(protocol)) {
    if (followed === 8 || rest.length < 8) return "unparsable";
    followed += 1;
    const [next, length] = [rest.readUInt8(0), rest.readUInt8(1)];
    if (protocol === PROTOCOL.fragment) {
      const offset = rest.readUInt16BE(2) >> 3;
      if (offset > 0) return transportOf(next, rest.subarray(8), offset);
      rest = rest.subarray(8);
    } else {
      rest = rest.subarray(protocol === PROTOCOL.authentication ? (length + 2) * 4 : (length + 1) * 8);
    }
    protocol = next;
  }
  return transportOf(protocol, rest, 0);
};

const EXTENSIONS: ReadonlySet<number> = new Set([
  PROTOCOL.hopByHop,
  PROTOCOL.routing,
  PROTOCOL.fragment,
  PROTOCOL.authentication,
  PROTOCOL.destination,
  PROTOCOL.mobility,
  PROTOCOL.hostIdentity,
  PROTOCOL.shim6,
]);

/** @param offset of the fragment, in units of 8 bytes. */
const transportOf = (number: number, rest: Buffer, offset: number): Transport | "other" => {
  if (number !== PROTOCOL.tcp && number !== PROTOCOL.udp) return "other";
  const protocol = number === PROTOCOL.tcp ? "tcp" : "udp";
  if (offset === 0) return { protocol, header: rest };
  // RFC 1858, section 3.2: it would overwrite the flags of the first fragment. No header is what it has.
  return offset === 1 && protocol === "tcp" ? { protocol, header: Buffer.alloc(0) } : "other";
};
