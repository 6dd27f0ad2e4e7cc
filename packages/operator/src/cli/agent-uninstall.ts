import { describe } from "@pcmc/controller-runtime";
import { EBPF_READY } from "../ebpf/condition.ts";
import { codeOf } from "../ebpf/error-code.ts";
import type { EbpfFailure } from "../ebpf/failure.ts";
import { failureOf } from "../ebpf/failure-of.ts";
import { uninstall } from "../ebpf/uninstall.ts";
import type { AgentSettings } from "../settings/agent-settings.ts";
import { EXIT, type Io } from "./io.ts";

/**
 * Removes all that agents have put into the kernel of this node: programs, rules, counters and their pins. The Pods keep their
 * condition, which is in the API server, and this is about a node.
 *
 * @returns 0, also where there is nothing; 1 where it cannot be removed, which is told on standard error.
 */
export const uninstallAgent = ({ bpfPinDir }: Pick<AgentSettings, "bpfPinDir">, io: Io): number => {
  try {
    const { pods, node } = uninstall(bpfPinDir);
    io.stdout(`${saying(pods.length, node, bpfPinDir)}\n`);
    return EXIT.ok;
  } catch (error) {
    const { reason, message } = failureHere(error);
    io.stderr(`${reason}: ${message}\n`);
    return EXIT.failed;
  }
};

/** What agents advise, but for what they do by themselves. */
export const failureHere = (error: unknown): EbpfFailure => {
  const failure = failureOf(error);
  if (failure.reason !== "KernelError") return failure;
  // Without a code of the system it is no failure but a bug.
  if (codeOf(error) === undefined) throw error;
  return { ...failure, message: `${describe(error)}. Run it again: what it has removed so far is gone.` };
};

/** What was removed, in a line. */
export const removedText = (pods: number, node: boolean, pinDir: string): string => {
  if (pods === 0 && !node) return `nothing is installed under ${pinDir}`;
  const counter = node ? " and the node's system call counter" : "";
  return `removed the programs of ${pods} ${pods === 1 ? "Pod" : "Pods"}${counter} from ${pinDir}`;
};

const saying = (pods: number, node: boolean, pinDir: string): string => {
  const removed = removedText(pods, node, pinDir);
  if (pods === 0) return removed;
  return `${removed}\nthe Pods keep their condition ${EBPF_READY}: docs/EBPF_FEATURES.md, Removing it, has how to clear it`;
};
