import type { Progress } from "../condition.ts";
import type { EbpfFailure } from "../failure.ts";
import type { ApplyOutcome, ProgramFailure } from "../outcome.ts";

/** What a Pod's condition says of an outcome. */
export const progressOf = (outcome: ApplyOutcome): Progress => {
  if (outcome.kind === "applied") return { kind: "attached", programs: outcome.programs };
  if (outcome.kind === "waiting") return { kind: "pending", message: outcome.failure.message };
  const { failures, programs } = outcome;
  return { kind: "failed", reason: failures[0]?.reason ?? "KernelError", message: textOf(failures), programs };
};

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
