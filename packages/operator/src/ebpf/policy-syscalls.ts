import type { ParsedConfig } from "../podconfigmap/config.ts";
import type { SyscallPolicy } from "./policy.ts";
import { monitoringOf } from "./policy-sections.ts";
import { type Architecture, syscallsOf } from "./syscalls-table.ts";

/**
 * The union of the system calls that are asked for; `undefined` where nobody asks. Names that this architecture lacks count
 * nothing: where they are all there is, the list is empty, never all calls.
 */
export const syscallPolicy = (
  configs: readonly ParsedConfig[],
  architecture: Architecture,
): SyscallPolicy | undefined => {
  const sections = configs.flatMap((config) => monitoringOf(config) ?? []);
  if (sections.length === 0) return undefined;
  const names = sections.map(({ syscallNames = [] }) => syscallNames);
  if (names.some((list) => list.length === 0)) return { calls: "all" };
  const calls = new Set(names.flat().flatMap((name) => syscallsOf(name, architecture)));
  return { calls: [...calls].sort() };
};
