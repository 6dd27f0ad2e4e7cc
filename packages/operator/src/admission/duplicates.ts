import type { PodConfigMapConfigSpec } from "../api/podconfigmapconfig.ts";
import { type Finding, warning } from "./finding.ts";

type Path = Finding["path"];

/** Every list of plain values in a spec, and where it stands. Duplicates in any of them are one. */
const listsOf = (spec: PodConfigMapConfigSpec): readonly (readonly [Path, readonly (string | number)[]])[] => {
  const { podSelector, labelsToInclude = [], annotationsToInclude = [], ebpfConfig } = spec;
  const { syscallMonitoring, l4Firewall } = ebpfConfig ?? {};
  const expressions = podSelector?.matchExpressions ?? [];
  const inSelector = ["podSelector", "matchExpressions"];
  return [
    ...expressions.map(({ values = [] }, index) => [[...inSelector, index, "values"], values] as const),
    [["labelsToInclude"], labelsToInclude],
    [["annotationsToInclude"], annotationsToInclude],
    [["ebpfConfig", "syscallMonitoring", "syscallNames"], syscallMonitoring?.syscallNames ?? []],
    [["ebpfConfig", "l4Firewall", "allowedPorts"], l4Firewall?.allowedPorts ?? []],
    [["ebpfConfig", "l4Firewall", "blockedPorts"], l4Firewall?.blockedPorts ?? []],
  ];
};

const SHOWN = 5;

const repeated = (list: readonly (string | number)[]): readonly (string | number)[] => {
  if (list.length < 2) return [];
  const seen = new Set<string | number>();
  const again = new Set<string | number>();
  for (const value of list) (seen.has(value) ? again : seen).add(value);
  return [...again];
};

/** A warning for each list that names something more than once. */
export const duplicateWarnings = (spec: PodConfigMapConfigSpec): readonly Finding[] =>
  listsOf(spec).flatMap(([path, list]) => {
    const values = repeated(list);
    if (values.length === 0) return [];
    const shown = values.slice(0, SHOWN).map((value) => JSON.stringify(value));
    const more = values.length > SHOWN ? ` and ${values.length - SHOWN} more` : "";
    return [warning(["spec", ...path], `names ${shown.join(", ")}${more} more than once: once is enough`)];
  });
