import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { ParsedConfig } from "../podconfigmap/config.ts";
import type { DirectionPolicy, FirewallPolicy } from "./policy.ts";
import { probePorts } from "./policy-probe-ports.ts";
import { type Firewall, firewallOf } from "./policy-sections.ts";
import { intersection, mark, type PortBitmap, uniform } from "./port-bitmap.ts";

export type Direction = "ingress" | "egress";

/** The directions that a firewall judges; ingress when it does not say. */
export const directionsOf = ({ direction = "ingress" }: Firewall): readonly Direction[] =>
  direction === "both" ? ["ingress", "egress"] : [direction];

/** Whether a firewall only counts what it would block. */
export const isAudit = ({ mode }: Firewall): boolean => mode === "audit";

const bitmaps = new WeakMap<Firewall, PortBitmap>();

/** What one firewall allows: blockedPorts win over allowedPorts, these over defaultAction. Made once for each, never changed. */
export const bitmapOf = (firewall: Firewall): PortBitmap => {
  const known = bitmaps.get(firewall);
  if (known !== undefined) return known;
  const { defaultAction = "allow", allowedPorts = [], blockedPorts = [] } = firewall;
  const bitmap = uniform(defaultAction);
  mark(bitmap, allowedPorts, "allow");
  mark(bitmap, blockedPorts, "block");
  bitmaps.set(firewall, bitmap);
  return bitmap;
};

/** The firewall of a Pod that these PodConfigMapConfigs select; `undefined` where none of them has one. */
export const firewallPolicy = (configs: readonly ParsedConfig[], pod: Pod): FirewallPolicy | undefined => {
  const firewalls = configs.flatMap((config) => firewallOf(config) ?? []);
  if (firewalls.length === 0) return undefined;
  return {
    ingress: directionPolicy(firewalls, "ingress"),
    egress: directionPolicy(firewalls, "egress"),
    established: establishedOf(firewalls),
    probePorts: probePorts(pod),
  };
};

const directionPolicy = (firewalls: readonly Firewall[], direction: Direction): DirectionPolicy | undefined => {
  const judging = firewalls.filter((firewall) => directionsOf(firewall).includes(direction));
  if (judging.length === 0) return undefined;
  const verdicts = {
    enforced: intersection(judging.filter((firewall) => !isAudit(firewall)).map(bitmapOf)),
    audited: intersection(judging.filter(isAudit).map(bitmapOf)),
  };
  return { tcp: verdicts, udp: verdicts };
};

/**
 * `enforce` when any firewall says so. One in audit mode has no say beside one that enforces: it would cut connections that the
 * other one means to keep, and audit changes nothing.
 */
export const establishedOf = (firewalls: readonly Firewall[]): FirewallPolicy["established"] => {
  const enforcing = firewalls.filter((firewall) => !isAudit(firewall));
  const deciding = enforcing.length > 0 ? enforcing : firewalls;
  return deciding.some(({ establishedConnections }) => establishedConnections === "enforce") ? "enforce" : "keep";
};
