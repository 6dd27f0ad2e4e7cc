import type { Firewall } from "./policy-sections.ts";

const SHOWN = 5;

/** `port 80`, `ports 22, 80`, `ports 1, 2, 3, 4, 5 and 995 more`. */
export const portList = (ports: readonly number[]): string => {
  const more = ports.length > SHOWN ? ` and ${ports.length - SHOWN} more` : "";
  return `${ports.length === 1 ? "port" : "ports"} ${ports.slice(0, SHOWN).join(", ")}${more}`;
};

/** The ports that a firewall both allows and blocks, sorted; they are blocked. */
export const portsInBothLists = ({
  allowedPorts = [],
  blockedPorts = [],
}: Pick<Firewall, "allowedPorts" | "blockedPorts">): readonly number[] =>
  [...new Set(allowedPorts).intersection(new Set(blockedPorts))].sort((a, b) => a - b);
