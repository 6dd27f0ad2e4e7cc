import { ARCHITECTURES, type Architecture } from "./syscalls-table.ts";

/** Node's names of the architectures that there are programs for. */
const NAMES: Readonly<Record<string, Architecture>> = { x64: "x86_64", arm64: "arm64" };

/** The architecture of this process. @throws Error where there are no programs for it. */
export const architectureOf = (arch: string = process.arch): Architecture => {
  const known = Object.hasOwn(NAMES, arch) ? NAMES[arch] : undefined;
  if (known === undefined) throw new Error(`the node agent runs on ${ARCHITECTURES.join(" and ")}, not on ${arch}`);
  return known;
};
