import { existsSync } from "node:fs";
import { BpfMap } from "@pcmc/libbpf";
import { missingCapabilities } from "./capabilities.ts";
import { type ProgramName, type ProgramObject, readProgram } from "./programs.ts";
import type { Architecture } from "./syscalls-table.ts";
import { EbpfUnavailable } from "./unavailable.ts";

const BTF = "/sys/kernel/btf/vmlinux";

const NO_BTF = `The kernel has no type information (${BTF} is missing). Use a kernel that is built with CONFIG_DEBUG_INFO_BTF=y.`;

const notPermitted = (missing: readonly string[]) =>
  `The agent lacks the capabilit${missing.length === 1 ? "y" : "ies"} ${missing.join(", ")}. Run it as uid 0 with the capabilities BPF, ` +
  "NET_ADMIN and PERFMON (before Linux 5.8: SYS_ADMIN and NET_ADMIN).";

/** Creating a map takes the least of all that is to come: libbpf, bpf(2), and memory. */
const probeMap = (): void => {
  using _ = BpfMap.create({ type: "array", name: "pcmc_probe", keySize: 4, valueSize: 4, maxEntries: 1 });
};

/**
 * What can be told of the node before there is a Pod.
 *
 * @throws EbpfUnavailable with what is missing; what the kernel or libbpf say.
 */
export const checkNode = (): void => {
  const missing = missingCapabilities();
  if (missing.length > 0) throw new EbpfUnavailable({ reason: "NotPermitted", message: notPermitted(missing) });
  if (!existsSync(BTF)) throw new EbpfUnavailable({ reason: "NoBtf", message: NO_BTF });
  probeMap();
};

/**
 * The compiled programs, read once.
 *
 * @throws EbpfUnavailable where they are not built.
 */
export const readPrograms = (
  architecture: Architecture,
  read: (name: ProgramName, architecture: Architecture) => ProgramObject = readProgram,
): Readonly<Record<ProgramName, ProgramObject>> => {
  try {
    return { firewall: read("firewall", architecture), syscalls: read("syscalls", architecture) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new EbpfUnavailable({ reason: "ProgramMissing", message }, { cause: error });
  }
};
