import type { EbpfConfig } from "../api/ebpf-config.ts";
import { parseGoDuration } from "../api/syntax.ts";
import type { ParsedConfig } from "../podconfigmap/config.ts";

/** Milliseconds between two readings of the counters, where `updateInterval` does not say. */
const DEFAULT_UPDATE_INTERVAL = 30_000;

/** The shortest `updateInterval`, in milliseconds. */
export const MIN_UPDATE_INTERVAL = 1_000;

export type Section = "syscallMonitoring" | "l4Firewall" | "metricsExport";
export type Firewall = NonNullable<EbpfConfig["l4Firewall"]>;
export type Monitoring = NonNullable<EbpfConfig["syscallMonitoring"]>;
export type Export = NonNullable<EbpfConfig["metricsExport"]>;

/** A section that is absent or does not say is off. */
export const isEnabled = <T extends { readonly enabled?: boolean }>(section: T | undefined): section is T =>
  section?.enabled === true;

/** The sections that put something into the kernel and are on. */
export const monitoringOf = ({ spec }: ParsedConfig): Monitoring | undefined => {
  const section = spec.ebpf?.syscallMonitoring;
  return isEnabled(section) ? section : undefined;
};

export const firewallOf = ({ spec }: ParsedConfig): Firewall | undefined => {
  const section = spec.ebpf?.l4Firewall;
  return isEnabled(section) ? section : undefined;
};

/** The sections for the kernel that are stored, but in a form that cannot be read, so that they are left out whole. */
export const unreadableSections = ({ findings }: ParsedConfig): readonly Section[] =>
  (["syscallMonitoring", "l4Firewall"] as const).filter((section) =>
    findings.some(
      ({ path, leftOut }) => leftOut && path[1] === "ebpfConfig" && (path[2] === undefined || path[2] === section),
    ),
  );

/** Whether a PodConfigMapConfig asks for something in the kernel, be it something that cannot be read. */
export const asks = (config: ParsedConfig): boolean =>
  monitoringOf(config) !== undefined || firewallOf(config) !== undefined || unreadableSections(config).length > 0;

/** Milliseconds, never below the shortest; the default where it cannot be read. */
export const updateIntervalOf = ({ updateInterval }: Export): number => {
  const asked = updateInterval === undefined ? DEFAULT_UPDATE_INTERVAL : parseGoDuration(updateInterval);
  return Math.max(asked ?? DEFAULT_UPDATE_INTERVAL, MIN_UPDATE_INTERVAL);
};
