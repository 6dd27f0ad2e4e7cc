import type { DirectionPolicy, FirewallPolicy, PodPolicy } from "../../../src/ebpf/policy.ts";
import { mark, type PortBitmap, uniform } from "../../../src/ebpf/port-bitmap.ts";

/** Every port but these. */
export const allBut = (ports: readonly number[]): PortBitmap => {
  const bitmap = uniform("allow");
  mark(bitmap, ports, "block");
  return bitmap;
};

const direction = (blocked: readonly number[]): DirectionPolicy => {
  const verdicts = { enforced: allBut(blocked), audited: uniform("allow") };
  return { tcp: verdicts, udp: verdicts };
};

/** A firewall that blocks these ports of what comes in. */
export const blocking = (...ports: readonly number[]): FirewallPolicy => ({
  ingress: direction(ports),
  egress: undefined,
  established: "keep",
  probePorts: [],
});

let revisions = 0;

/** A policy of these parts, with a revision of its own. */
export const policyOf = (parts: Partial<Pick<PodPolicy, "syscalls" | "firewall" | "revision">>): PodPolicy => ({
  syscalls: undefined,
  firewall: undefined,
  exported: undefined,
  onFailure: "allow",
  revision: `revision-${revisions++}`,
  sources: [{ name: "test", generation: 1 }],
  problems: [],
  applies: parts.syscalls !== undefined || parts.firewall !== undefined,
  ...parts,
});
