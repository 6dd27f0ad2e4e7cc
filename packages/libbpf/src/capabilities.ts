import { readFileSync } from "node:fs";

/** Capabilities that BPF asks for, by their bit (linux/capability.h). `BPF` and `PERFMON` exist from Linux 5.8. */
const bits = { NET_ADMIN: 12n, SYS_ADMIN: 21n, SYS_RESOURCE: 24n, PERFMON: 38n, BPF: 39n } as const;

export type Capability = keyof typeof bits;

/** The effective set of this process, as a bit mask. */
const effective = (): bigint => {
  const [, hex = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return BigInt(`0x${hex}`);
};

/** Which of `wanted` this process lacks. `SYS_ADMIN` stands for `BPF`, `PERFMON` and `NET_ADMIN`, as in the kernel's `bpf_capable`. */
export const missingCapabilities = (wanted: readonly Capability[]): readonly Capability[] => {
  const held = effective();
  const has = (name: Capability): boolean => (held & (1n << bits[name])) !== 0n;
  if (has("SYS_ADMIN")) return [];
  return wanted.filter((name) => !has(name));
};
