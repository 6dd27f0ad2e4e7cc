import { createHash, type Hash } from "node:crypto";
import type { DirectionPolicy, FirewallPolicy, PodPolicy } from "./policy.ts";

/** Hexadecimal digits: 64 bits, so that two policies of one Pod never share a revision. */
const LENGTH = 16;

/** A hash of what goes into the kernel. It rests on the result alone: neither the order nor the wording of its sources counts. */
export const revisionOf = ({ syscalls, firewall }: Pick<PodPolicy, "syscalls" | "firewall">): string => {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([syscalls?.calls ?? null]));
  if (firewall !== undefined) addFirewall(hash, firewall);
  return hash.digest("hex").slice(0, LENGTH);
};

const addFirewall = (hash: Hash, { ingress, egress, established, probePorts }: FirewallPolicy): void => {
  hash.update(JSON.stringify([established, probePorts]));
  addDirection(hash, "ingress", ingress);
  addDirection(hash, "egress", egress);
};

const addDirection = (hash: Hash, direction: string, policy: DirectionPolicy | undefined): void => {
  if (policy === undefined) return;
  hash.update(direction);
  for (const { enforced, audited } of [policy.tcp, policy.udp]) hash.update(enforced).update(audited);
};
