import type { EbpfConfig } from "../api/ebpf-config.ts";
import { directionsOf, isAudit } from "../ebpf/policy-firewall.ts";
import { portList, portsInBothLists } from "../ebpf/policy-port-list.ts";
import { ARCHITECTURES, type Architecture, SYSCALL_NAMES, syscallsOf } from "../ebpf/syscalls-table.ts";
import { type Finding, warning } from "./finding.ts";
import { didYouMean } from "./nearest.ts";

type Monitoring = NonNullable<EbpfConfig["syscallMonitoring"]>;
type Firewall = NonNullable<EbpfConfig["l4Firewall"]>;
type Export = NonNullable<EbpfConfig["metricsExport"]>;

const path = (...steps: readonly (string | number)[]) => ["spec", "ebpfConfig", ...steps];

/** Who writes the rest of a section and leaves `enabled` out thinks it is on; `enabled: false` is a decision. */
const notEnabled = (section: keyof EbpfConfig, effect: string): Finding =>
  warning(path(section), `enabled is not set, so ${effect}: set enabled to true, or to false if that is meant`);

const isOn = (section: { readonly enabled?: boolean } | undefined): boolean => section?.enabled ?? false;

/** What is legal in `spec.ebpfConfig`, and surely not meant. */
export const ebpfWarnings = (config: EbpfConfig): readonly Finding[] => [
  ...(config.syscallMonitoring ? monitoringWarnings(config.syscallMonitoring) : []),
  ...(config.l4Firewall ? firewallWarnings(config.l4Firewall) : []),
  ...(config.metricsExport ? exportWarnings(config.metricsExport, config) : []),
];

/** Unknown names for which the one that was meant is looked for: each is compared with all there are. */
const HINTS = 5;

const monitoringWarnings = ({ enabled, syscallNames = [] }: Monitoring): readonly Finding[] => {
  const names = [...new Set(syscallNames)].map((name) => ({ name, lacking: lackingOf(name) }));
  const warned = names.filter(({ lacking }) => lacking.length > 0);
  return [
    ...(enabled === undefined && syscallNames.length > 0
      ? [notEnabled("syscallMonitoring", "no system call is counted")]
      : []),
    ...warned.map(({ name, lacking }, index) => {
      const at = path("syscallMonitoring", "syscallNames", syscallNames.indexOf(name));
      return warning(at, `${syscallMessage(name, lacking)}${index < HINTS ? hintFor(name, lacking) : ""}`);
    }),
  ];
};

const syscallMessage = (name: string, lacking: readonly Architecture[]): string =>
  lacking.length < ARCHITECTURES.length
    ? `${name} is no system call on ${lacking.join(" and ")}: on such nodes it is not counted`
    : `${JSON.stringify(name)} is no system call that is known, and is not counted`;

const hintFor = (name: string, lacking: readonly Architecture[]): string =>
  lacking.length < ARCHITECTURES.length ? "" : didYouMean(name, SYSCALL_NAMES);

const lackingOf = (name: string): readonly Architecture[] =>
  ARCHITECTURES.filter((architecture) => syscallsOf(name, architecture).length === 0);

const firewallWarnings = (firewall: Firewall): readonly Finding[] => {
  const { enabled, allowedPorts = [], blockedPorts = [] } = firewall;
  const blocked = new Set(blockedPorts);
  const allowed = new Set(allowedPorts);
  const both = portsInBothLists(firewall);
  const overlap = `${portList(both)} in blockedPorts too: blocked wins; remove from one of the lists`;
  return [
    ...(enabled === undefined && saysSomething(firewall) ? [notEnabled("l4Firewall", "no traffic is judged")] : []),
    ...(both.length > 0 ? [warning(path("l4Firewall", "allowedPorts"), overlap)] : []),
    ...(enabled === false ? [] : effectWarnings(firewall, allowed.difference(blocked))),
    ...(enabled === false ? [] : nameResolutionWarnings(firewall)),
  ];
};

const DNS = 53;

/** Few think of it, and a Pod that cannot resolve a name looks broken in other places. Who names the port means it. */
const nameResolutionWarnings = (firewall: Firewall): readonly Finding[] => {
  const { allowedPorts = [], blockedPorts = [], defaultAction = "allow" } = firewall;
  const isOpen = defaultAction === "allow" || allowedPorts.includes(DNS) || blockedPorts.includes(DNS);
  // All is closed: that is told as such.
  if (isOpen || allowedPorts.length === 0 || isAudit(firewall) || !directionsOf(firewall).includes("egress")) return [];
  const message = `blocks name resolution too, because port ${DNS} is not open: add it to allowedPorts, or to blockedPorts if that is meant`;
  return [warning(path("l4Firewall", "allowedPorts"), message)];
};

/** Warnings of rules that come to nothing, or to everything. Other PodConfigMapConfigs may add rules for the same Pods. */
const effectWarnings = (firewall: Firewall, open: ReadonlySet<number>): readonly Finding[] => {
  const { enabled, blockedPorts = [], defaultAction = "allow" } = firewall;
  if (defaultAction === "block" && open.size === 0) {
    const message = "blocks every port, because none is allowed here: add the open ones to allowedPorts";
    return [warning(path("l4Firewall", "defaultAction"), message)];
  }
  if (defaultAction === "allow" && open.size > 0) {
    const message = "closes nothing, because defaultAction is allow: to close all other ports, set it to block";
    return [warning(path("l4Firewall", "allowedPorts"), message)];
  }
  if (defaultAction === "allow" && enabled && blockedPorts.length === 0) {
    const message = "blocks nothing: name ports in blockedPorts, or set defaultAction to block and name allowedPorts";
    return [warning(path("l4Firewall"), message)];
  }
  return [];
};

/** What the CRD fills in says nothing of what the author meant. */
const FILLED_IN: ReadonlySet<unknown> = new Set(["ingress", "enforce", "keep"]);
const saysSomething = (firewall: Firewall): boolean => Object.values(firewall).some((value) => !FILLED_IN.has(value));

const exportWarnings = (
  { enabled, updateInterval }: Export,
  { syscallMonitoring, l4Firewall }: EbpfConfig,
): readonly Finding[] => {
  if (enabled === undefined && updateInterval !== undefined) {
    return [notEnabled("metricsExport", "nothing is exported")];
  }
  if (!enabled || isOn(syscallMonitoring) || isOn(l4Firewall)) return [];
  const message = "there is nothing to export: enable syscallMonitoring or l4Firewall too";
  return [warning(path("metricsExport", "enabled"), message)];
};
