import type { Progress } from "../condition.ts";
import type { EbpfFailure } from "../failure.ts";
import type { ApplyOutcome, ProgramFailure } from "../outcome.ts";

/** What a Pod's condition says of an outcome. A Pod whose container runs waits for nothing: it has a cgroup, somewhere else. */
export const progressOf = (outcome: ApplyOutcome, { isRunning }: { readonly isRunning: boolean }): Progress => {
  if (outcome.kind === "applied") return { kind: "attached", programs: outcome.programs };
  if (outcome.kind === "waiting" && isRunning) return unavailable(withAdvice(outcome.failure));
  if (outcome.kind === "waiting") return { kind: "pending", message: outcome.failure.message };
  const { failures, programs } = outcome;
  return { kind: "failed", reason: failures[0]?.reason ?? "KernelError", message: textOf(failures), programs };
};

/** Nothing is in the kernel of a Pod, and nothing is asked for. */
export const NOTHING: Progress = { kind: "attached", programs: [] };

const withAdvice = ({ reason, message }: EbpfFailure): EbpfFailure => ({ reason, message: `${message} ${ELSEWHERE}` });

const ELSEWHERE =
  "A container of it runs all the same: if this stays, name the place of the Pods' cgroups with CGROUP_ROOT.";

/** What it says where nothing works on the node. */
export const unavailable = ({ reason, message }: EbpfFailure): Progress => ({
  kind: "failed",
  reason,
  message,
  programs: [],
});

/** All failures in one line. */
export const textOf = (failures: readonly ProgramFailure[]): string =>
  failures.map(({ program, message }) => `${program}: ${message}`).join("; ");
