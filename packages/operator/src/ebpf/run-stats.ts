import { type BpfProgram, enableRunStatistics } from "@pcmc/libbpf";
import type { EbpfFailure } from "./failure.ts";
import { failureOf } from "./failure-of.ts";
import type { ProgramType } from "./node-pod.ts";
import type { ProgramCost, RunStats } from "./outcome.ts";

const NANOSECONDS = 1e9;

const OFF: EbpfFailure = { reason: "NotPermitted", message: "Run statistics are not switched on." };

/**
 * The kernel's account of the time that programs take (`BPF_ENABLE_STATS`, Linux 5.8). It measures while this exists, every program
 * of the node, at some ten nanoseconds a run; it takes SYS_ADMIN.
 */
export class RunStatistics implements Disposable {
  readonly #enabled: Disposable | undefined;
  readonly #failure: EbpfFailure;

  private constructor(enabled: Disposable | undefined, failure: EbpfFailure) {
    this.#enabled = enabled;
    this.#failure = failure;
  }

  static off(): RunStatistics {
    return new RunStatistics(undefined, OFF);
  }

  /** Switches them on where the kernel permits it; else says why there are none. */
  static on(): RunStatistics {
    try {
      return new RunStatistics(enableRunStatistics(), OFF);
    } catch (error) {
      const { reason, message } = failureOf(error);
      const advice = "Run statistics take the capability SYS_ADMIN (and Linux 5.8); all else works without.";
      return new RunStatistics(undefined, { reason, message: `${message} ${advice}` });
    }
  }

  /** What programs cost, by what they do. A program that is swapped begins anew. */
  read(programs: ReadonlyMap<ProgramType, readonly BpfProgram[]>): RunStats {
    if (this.#enabled === undefined) return { kind: "off", failure: this.#failure };
    return { kind: "on", costs: [...programs].map(([program, loaded]) => costOf(program, loaded)) };
  }

  [Symbol.dispose](): void {
    this.#enabled?.[Symbol.dispose]();
  }
}

const costOf = (program: ProgramType, loaded: readonly BpfProgram[]): ProgramCost => {
  let [time, runs] = [0n, 0n];
  for (const { runTimeNs, runCount } of loaded.map((one) => one.info())) {
    time += runTimeNs;
    runs += runCount;
  }
  return { program, seconds: Number(time) / NANOSECONDS, runs };
};
