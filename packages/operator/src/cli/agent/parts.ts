import { existsSync } from "node:fs";
import { architectureOf } from "../../ebpf/architecture.ts";
import { programPath } from "../../ebpf/programs.ts";
import { AGENT } from "../../rbac/names.ts";
import { version } from "../version.ts";

/**
 * The manager's image has nothing that calls into the kernel: what needs it says so at once, instead of trying for ever.
 *
 * @param what - what was asked for: `pcmc agent`
 * @throws Error with one line that says where it is.
 */
export const assertAgentParts = (what: string): void => {
  if (existsSync(programPath("firewall", architectureOf()))) return;
  throw new Error(
    `${what} needs programs for the kernel, which are not here: use the image ${AGENT.name}:${version}; in a checkout, make bpf`,
  );
};
