import { isIPv4, isIPv6 } from "node:net";

/**
 * The 16 bytes of an IPv6 address, in network order; an IPv4 address as `::ffff:a.b.c.d` (RFC 4291, section 2.5.5.2). A zone
 * (`fe80::1%eth0`) is dropped.
 *
 * @throws RangeError for what is no address.
 */
export const parseAddress = (text: string): Uint8Array => {
  const address = text.split("%", 1)[0] ?? "";
  if (isIPv4(address)) return Uint8Array.from([...new Array(10).fill(0), 0xff, 0xff, ...ipv4Bytes(address)]);
  if (!isIPv6(address)) throw new RangeError(`${JSON.stringify(text)} is no IP address`);
  const [head = "", tail] = address.split("::", 2);
  const [start, end] = [groups(head), groups(tail ?? "")];
  return Uint8Array.from([...start, ...new Array(16 - start.length - end.length).fill(0), ...end]);
};

const ipv4Bytes = (text: string): readonly number[] => text.split(".").map(Number);

/** The last group may be an IPv4 address. */
const groups = (text: string): readonly number[] =>
  text.split(":").flatMap((group) => {
    if (group === "") return [];
    if (group.includes(".")) return ipv4Bytes(group);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
