import { readFileSync } from "node:fs";

/** Numbers of linux/capability.h. */
const CAPABILITIES = { NET_ADMIN: 12n, SYS_ADMIN: 21n, PERFMON: 38n, BPF: 39n } as const;
type Capability = keyof typeof CAPABILITIES;

const NEEDED = ["BPF", "NET_ADMIN", "PERFMON"] as const;

/** The effective capabilities in the text of `/proc/self/status`, as a bit set. */
const effectiveCapabilities = (status: string): bigint => {
  const digits = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return digits === undefined ? 0n : BigInt(`0x${digits}`);
};

const has = (set: bigint, capability: Capability): boolean => ((set >> CAPABILITIES[capability]) & 1n) === 1n;

/**
 * Which capabilities the agent lacks: `BPF` for maps and programs, `NET_ADMIN` to attach a firewall, `PERFMON` for programs that
 * read kernel memory. SYS_ADMIN includes the first and the last (capabilities(7)); before Linux 5.8 there is nothing but it.
 */
export const missingCapabilities = (status = readFileSync("/proc/self/status", "utf8")): readonly Capability[] => {
  const set = effectiveCapabilities(status);
  return NEEDED.filter((capability) => !has(set, capability) && !(capability !== "NET_ADMIN" && has(set, "SYS_ADMIN")));
};
