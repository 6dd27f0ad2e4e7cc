import type { PodRates, PortRate } from "./rates.ts";

const HEADER = ["NAMESPACE", "POD", "NODE", "SYSCALLS/S", "ALLOWED/S", "BLOCKED/S", "BUSIEST CALLS", "BLOCKED PORTS"];
/** Of numbers: read by their last digit. */
const RIGHT: ReadonlySet<number> = new Set([3, 4, 5]);
/** Calls and ports in a cell at the most. */
const NAMES = 3;
const GAP = "  ";
const NONE = "-";

/** Rates for people: a line for each Pod. */
export const tableOf = (pods: readonly PodRates[]): string => {
  const rows = [HEADER, ...pods.map(rowOf)];
  const widths = HEADER.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => padded(cell, column, widths[column] ?? 0))
        .join(GAP)
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
};

const padded = (cell: string, column: number, width: number): string =>
  RIGHT.has(column) ? cell.padStart(width) : cell.padEnd(width);

const rowOf = ({ namespace, name, node, syscalls, packets, blockedPorts }: PodRates): readonly string[] => [
  namespace,
  name,
  node,
  syscalls === undefined ? NONE : rateText(syscalls.perSecond),
  packets === undefined ? NONE : rateText(packets.allowedPerSecond),
  packets === undefined ? NONE : rateText(packets.blockedPerSecond),
  syscalls?.busiest
    .slice(0, NAMES)
    .map((call) => call.name)
    .join(" ") || NONE,
  blockedPorts.slice(0, NAMES).map(portText).join(" ") || NONE,
];

/** @example "<-22/tcp (17)": so many came to that port; "->53/udp (2)": so many wanted to go there. */
const portText = ({ direction, protocol, port, total }: PortRate): string =>
  `${direction === "ingress" ? "<-" : "->"}${port}/${protocol} (${rateText(total)})`;

const UNITS = ["", "k", "M", "G", "T"];

/**
 * A number in at most five characters: what is below ten keeps a digit behind the point.
 *
 * @example rateText(1234) // "1.2k"
 */
export const rateText = (value: number): string => {
  let [scaled, unit] = [value, 0];
  while (scaled >= 999.5 && unit < UNITS.length - 1) [scaled, unit] = [scaled / 1_000, unit + 1];
  const isShort = scaled < 9.95 && !Number.isInteger(scaled);
  return `${isShort ? scaled.toFixed(1) : Math.round(scaled)}${UNITS[unit]}`;
};
