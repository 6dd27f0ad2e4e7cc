import type { ParsedConfig } from "../podconfigmap/config.ts";
import { bitmapOf, type Direction, directionsOf, establishedOf, isAudit } from "./policy-firewall.ts";
import { portList } from "./policy-port-list.ts";
import type { PolicyProblem } from "./policy-problems.ts";
import { type Firewall, firewallOf } from "./policy-sections.ts";
import { isAllowed } from "./port-bitmap.ts";

/** Contrary wishes of PodConfigMapConfigs that select one Pod, each told on the one that does not get its way. */
export const conflicts = (configs: readonly ParsedConfig[]): readonly PolicyProblem[] =>
  configs.flatMap((config) =>
    conflictsOf(
      config,
      configs.filter((other) => other !== config),
    ),
  );

/** In what `config` does not get its way, because of one of `others` that select the same Pod. */
export const conflictsOf = (config: ParsedConfig, others: readonly ParsedConfig[]): readonly PolicyProblem[] => {
  const firewall = firewallOf(config);
  if (firewall === undefined) return [];
  const rivals = others.flatMap((other) => {
    const its = firewallOf(other);
    return its === undefined ? [] : [{ name: other.name, firewall: its }];
  });
  return [...rivals.flatMap((rival) => portConflict(firewall, rival)), ...establishedConflict(firewall, rivals)].map(
    (found) => ({ pcmc: config.name, ...found, severity: "adjusted" }),
  );
};

interface Rival {
  readonly name: string;
  readonly firewall: Firewall;
}

type Found = Pick<PolicyProblem, "reason" | "message">;

/** Only ports that are allowed by name: `defaultAction: allow` is no wish for each of 65,535 ports. */
const portConflict = (firewall: Firewall, rival: Rival): readonly Found[] => {
  if (isAudit(firewall) || isAudit(rival.firewall)) return [];
  const shared = sharedDirections(firewall, rival.firewall);
  const { allowedPorts = [] } = firewall;
  if (shared.length === 0 || allowedPorts.length === 0) return [];
  const own = bitmapOf(firewall);
  const its = bitmapOf(rival.firewall);
  const ports = [...new Set(allowedPorts)].filter((port) => isAllowed(own, port) && !isAllowed(its, port));
  if (ports.length === 0) return [];
  const named = portList(ports.sort((a, b) => a - b));
  const verb = ports.length === 1 ? "is" : "are";
  const message = `allowedPorts: ${named} ${verb} blocked by ${rival.name} (${shared.join(" and ")}) on Pods that both select, and all must allow a port: change one of the two`;
  return [{ reason: "PortConflict", message }];
};

const sharedDirections = (a: Firewall, b: Firewall): readonly Direction[] =>
  directionsOf(a).filter((direction) => directionsOf(b).includes(direction));

const establishedConflict = (firewall: Firewall, rivals: readonly Rival[]): readonly Found[] => {
  const { establishedConnections: wish = "keep" } = firewall;
  const result = establishedOf([firewall, ...rivals.map((rival) => rival.firewall)]);
  if (result === wish) return [];
  const causes = rivals.filter((rival) => rival.firewall.establishedConnections === result || result === "keep");
  const names = causes.map(({ name }) => name).sort();
  const message = `establishedConnections: ${result} instead of ${wish}, because of ${names.join(", ")} on Pods that both select`;
  return [{ reason: "EstablishedConflict", message }];
};
