import { parseAddress } from "../../../src/ebpf/address.ts";

export const PROTOCOL = {
  hopByHop: 0,
  icmp: 1,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  esp: 50,
  authentication: 51,
  icmpv6: 58,
  none: 59,
  destination: 60,
  sctp: 132,
  mobility: 135,
  udpLite: 136,
  hostIdentity: 139,
  shim6: 140,
} as const;

/** TCP flags, as in byte 13 of its header. */
export const TCP = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const;

const ETHERTYPE = { 4: 0x0800, 6: 0x86dd } as const;
export type Family = keyof typeof ETHERTYPE;

/** An Ethernet header before an IP packet, as BPF_PROG_TEST_RUN wants it; the program does not see it. */
export const frame = (family: Family, packet: Uint8Array): Buffer => {
  const header = Buffer.alloc(14);
  header.writeUInt16BE(ETHERTYPE[family], 12);
  return Buffer.concat([header, packet]);
};

export interface Segment {
  readonly source: number;
  readonly destination: number;
}

/** A TCP header without options, and two bytes of data. */
export const tcp = ({ source, destination, flags }: Segment & { readonly flags: number }): Buffer => {
  const segment = Buffer.alloc(22);
  segment.writeUInt16BE(source, 0);
  segment.writeUInt16BE(destination, 2);
  segment[12] = 5 << 4;
  segment[13] = flags;
  return segment;
};

/** A UDP header and two bytes of data. */
export const udp = ({ source, destination }: Segment): Buffer => {
  const datagram = Buffer.alloc(10);
  datagram.writeUInt16BE(source, 0);
  datagram.writeUInt16BE(destination, 2);
  datagram.writeUInt16BE(10, 4);
  return datagram;
};

export interface Fragment {
  /** In units of 8 bytes. */
  readonly offset: number;
  readonly more: boolean;
}

export interface Ip {
  readonly source: string;
  readonly destination: string;
  /** Of the payload. */
  readonly protocol: number;
  readonly payload: Uint8Array;
}

export interface Ipv4 extends Ip {
  /** 32-bit words, 0 to 10. */
  readonly optionWords?: number;
  readonly fragment?: Fragment;
}

export const ipv4 = ({ source, destination, protocol, payload, optionWords = 0, fragment }: Ipv4): Buffer => {
  const header = Buffer.alloc(20 + optionWords * 4, 1);
  header[0] = 0x40 | (5 + optionWords);
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt16BE((fragment?.more ? 0x2000 : 0) | (fragment?.offset ?? 0), 6);
  header[9] = protocol;
  header.set(parseAddress(source).subarray(12), 12);
  header.set(parseAddress(destination).subarray(12), 16);
  return Buffer.concat([header, payload]);
};

/** One extension header. */
export interface Extension {
  readonly protocol: number;
  /** Bytes beyond the first eight, in units of eight (of an authentication header, of four). A fragment header has none. */
  readonly extra?: number;
  readonly fragment?: Fragment;
}

export interface Ipv6 extends Ip {
  readonly extensions?: readonly Extension[];
}

export const ipv6 = ({ source, destination, protocol, payload, extensions = [] }: Ipv6): Buffer => {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header[6] = extensions[0]?.protocol ?? protocol;
  header.set(parseAddress(source), 8);
  header.set(parseAddress(destination), 24);
  const chain = extensions.map((extension, index) =>
    extensionBytes(extension, extensions[index + 1]?.protocol ?? protocol),
  );
  const body = Buffer.concat([...chain, payload]);
  header.writeUInt16BE(body.length, 4);
  return Buffer.concat([header, body]);
};

const extensionBytes = ({ protocol, extra = 0, fragment }: Extension, next: number): Buffer => {
  if (protocol === PROTOCOL.fragment) {
    const bytes = Buffer.from([next, 0xaa, 0, 0, 1, 2, 3, 4]);
    bytes.writeUInt16BE(((fragment?.offset ?? 0) << 3) | (fragment?.more ? 1 : 0), 2);
    return bytes;
  }
  const isAuthentication = protocol === PROTOCOL.authentication;
  const bytes = Buffer.alloc(8 + extra * (isAuthentication ? 4 : 8), 0xbb);
  bytes[0] = next;
  // RFC 4302: in units of four bytes, less two; RFC 8200: in units of eight, less one.
  bytes[1] = extra;
  return bytes;
};
