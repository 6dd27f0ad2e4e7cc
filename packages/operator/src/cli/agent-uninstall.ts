import { EbpfUnavailable } from "../ebpf/unavailable.ts";
import { uninstall } from "../ebpf/uninstall.ts";
import type { AgentSettings } from "../settings/agent-settings.ts";
import { EXIT, type Io } from "./io.ts";

/**
 * Removes all that agents have put into the kernel of this node: programs, rules, counters and their pins.
 *
 * @returns 0, also where there is nothing; 1 where it cannot be removed, which is told on standard error.
 */
export const uninstallAgent = ({ bpfPinDir }: Pick<AgentSettings, "bpfPinDir">, io: Io): number => {
  try {
    const { pods, node } = uninstall(bpfPinDir);
    io.stdout(`${saying(pods.length, node, bpfPinDir)}\n`);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof EbpfUnavailable)) throw error;
    io.stderr(`${error.reason}: ${error.message}\n`);
    return EXIT.failed;
  }
};

const saying = (pods: number, node: boolean, pinDir: string): string => {
  if (pods === 0 && !node) return `nothing is installed under ${pinDir}`;
  const counter = node ? " and the node's system call counter" : "";
  return `removed the programs of ${pods} ${pods === 1 ? "Pod" : "Pods"}${counter} from ${pinDir}`;
};
