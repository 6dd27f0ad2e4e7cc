import { Backoff, type Clock, describe, type Logger, type Random, sleep } from "@pcmc/controller-runtime";
import type { Enforcer, EnforcerOptions } from "../enforcer.ts";
import type { EbpfFailure } from "../failure.ts";
import { EbpfUnavailable } from "../unavailable.ts";

/** Tries to get hold of the kernel: a bpffs can be mounted, a permission given, another agent ended. */
const BACKOFF = { initial: 500, factor: 2, cap: 30_000, jitter: 0.2, resetAfter: 120_000 };

/** How often it is looked whether what is pinned is still there, and how long what was not is kept. Milliseconds. */
const LOOK_AGAIN = 10_000;
const OVERLAP = 30_000;

const PINS_GONE: EbpfFailure = {
  reason: "PinsGone",
  message:
    "What was pinned is gone: the bpffs was unmounted, or the pin directory removed. Programs are attached anew; counters begin at 0. " +
    "To take the agent's programs away, use `pcmc agent uninstall`.",
};

/** What of an enforcer the agent uses. */
export type KernelSide = Pick<
  Enforcer,
  | "adopt"
  | "apply"
  | "release"
  | "sweep"
  | "readings"
  | "incomplete"
  | "isStanding"
  | "runStats"
  | "onCgroup"
  | typeof Symbol.asyncDispose
>;

export interface KernelOptions {
  /** Gets hold of the kernel. @throws what says why not; an `EbpfFailure` names the reason. */
  readonly open: () => Promise<KernelSide>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** The kernel side by its options, its code loaded when it is asked for: nothing else of the program needs libbpf. */
export const openEnforcer = (options: EnforcerOptions) => async (): Promise<KernelSide> => {
  const { Enforcer } = await import("../enforcer.ts").catch((error: unknown) => {
    throw new EbpfUnavailable({ reason: "LibraryMissing", message: `${NO_NATIVE_PART} ${describe(error)}` });
  });
  return Enforcer.open(options);
};

const NO_NATIVE_PART =
  "What calls into libbpf cannot be loaded: the agent needs Linux with glibc, on x86_64 or arm64, and all files of its package.";

/**
 * The kernel side, and why there is none. A node that cannot do eBPF (yet) is no reason to end: it is told once for each
 * reason, and tried again.
 */
export class Kernel implements AsyncDisposable {
  readonly #options: KernelOptions;
  readonly #listeners = new Set<() => void>();
  #enforcer: KernelSide | undefined;
  #failure: EbpfFailure | undefined;

  constructor(options: KernelOptions) {
    this.#options = options;
  }

  /** `undefined` while there is none; `failure` says why. */
  get enforcer(): KernelSide | undefined {
    return this.#enforcer;
  }

  /** Why there is no enforcer, at the last try; `undefined` before the first one has come to its end. */
  get failure(): EbpfFailure | undefined {
    return this.#failure;
  }

  /** Calls `listener` when the enforcer is there, and when the reason has changed why it is not. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Tries until it has the enforcer, which has taken over by then what an earlier agent left, or until `stop` aborts. */
  async open(stop: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    const backoff = new Backoff(BACKOFF, clock, random);
    while (!stop.aborted && this.#enforcer === undefined) {
      try {
        this.#enforcer = await this.#takeOver();
      } catch (error) {
        this.#fail(failureOf(error));
        await sleep(clock, backoff.next(), stop).catch(() => {});
        continue;
      }
      this.#failure = undefined;
      log.info("eBPF works on this node");
      this.#tell();
    }
  }

  /**
   * Looks until `stop` aborts whether what is pinned is still there. Where it is not, all is attached anew: what only this
   * process' handles hold judges until then, and would end with the process.
   */
  async keep(stop: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const pause = (time: number) => sleep(clock, time, stop).catch(() => {});
    while (!stop.aborted) {
      await pause(LOOK_AGAIN);
      const before = this.#enforcer;
      if (stop.aborted || before === undefined || before.isStanding) continue;
      this.#enforcer = undefined;
      this.#fail(PINS_GONE);
      await this.open(stop);
      await pause(OVERLAP);
      await before[Symbol.asyncDispose]();
    }
  }

  /** Lets go of the kernel side. What is attached stays attached. */
  async [Symbol.asyncDispose](): Promise<void> {
    const enforcer = this.#enforcer;
    this.#enforcer = undefined;
    await enforcer?.[Symbol.asyncDispose]();
  }

  /** Why there is no enforcer, for people. */
  get trouble(): string | undefined {
    return this.#enforcer === undefined ? (this.#failure?.message ?? NOT_LOOKED) : undefined;
  }

  async #takeOver(): Promise<KernelSide> {
    const { open, log } = this.#options;
    const enforcer = await open();
    try {
      const adopted = enforcer.adopt();
      if (adopted.length > 0) log.info("took over what an earlier agent left", { pods: adopted.length });
      return enforcer;
    } catch (error) {
      await enforcer[Symbol.asyncDispose]();
      throw error;
    }
  }

  #fail(failure: EbpfFailure): void {
    const { reason, message } = failure;
    if (reason === this.#failure?.reason && message === this.#failure.message) return;
    this.#failure = failure;
    this.#options.log.error("eBPF does not work on this node; trying again", { reason, cause: message });
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

const NOT_LOOKED = "The agent has not looked at the kernel yet.";

const failureOf = (error: unknown): EbpfFailure => {
  if (error instanceof EbpfUnavailable) return { reason: error.reason, message: error.message };
  return { reason: "KernelError", message: describe(error) };
};
