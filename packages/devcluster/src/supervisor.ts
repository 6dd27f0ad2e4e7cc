import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { identify, type ProcessIdentity } from "./process-identity.ts";
import type { Exit, Pids, ProcessSpec } from "./protocol.ts";
import { pathVariable } from "./search-path.ts";
import { writeRecord } from "./state.ts";

interface Running {
  readonly child: ChildProcess;
  /** Resolves when it has ended, also when that was before anybody asked. */
  readonly exited: Promise<void>;
}

/** Runs processes, records them in the state folder and ends them in the reverse order of their start. */
export class Supervisor {
  readonly #folder: string;
  readonly #onExit: (exit: Exit) => void;
  readonly #prefix = parentDeathPrefix();
  /** In the order of start. */
  readonly #children = new Map<string, Running>();
  /** Names of those that run as the child of the one that was spawned. */
  readonly #entered = new Set<string>();

  constructor(folder: string, onExit: (exit: Exit) => void) {
    this.#folder = folder;
    this.#onExit = onExit;
    this.#record();
  }

  /** Starts a process. @throws when one of that name runs, or when it cannot be started at all. */
  async start(spec: ProcessSpec): Promise<void> {
    if (this.#children.has(spec.name)) throw new Error(`${spec.name} runs already`);
    const [command = spec.command, ...args] = [...this.#prefix, spec.command, ...spec.args];
    const log = openSync(spec.log, "a");
    const child = spawn(command, args, { cwd: this.#folder, env: this.#environment(), stdio: ["ignore", log, log] });
    closeSync(log);
    const { promise: exited, resolve: hasExited } = Promise.withResolvers<void>();
    child.once("exit", () => hasExited());
    this.#children.set(spec.name, { child, exited });
    if (spec.entered) this.#entered.add(spec.name);
    else this.#entered.delete(spec.name);
    child.once("exit", (code, signal) => {
      this.#children.delete(spec.name);
      this.#record();
      this.#onExit({ name: spec.name, pid: child.pid ?? 0, code, signal });
    });
    try {
      await once(child, "spawn");
    } catch (error) {
      this.#children.delete(spec.name);
      hasExited();
      throw error;
    }
    this.#record();
  }

  /** Sends a signal. @throws when no process of that name runs. */
  signal(name: string, signal: NodeJS.Signals): void {
    const child = this.#children.get(name)?.child;
    if (!child) throw new Error(`${name} does not run`);
    if (this.#entered.has(name)) process.kill(this.#pidOf(name, child), signal);
    else child.kill(signal);
  }

  /** Pids of what runs. */
  pids(): Pids {
    return Object.fromEntries([...this.#children].map(([name, { child }]) => [name, this.#pidOf(name, child)]));
  }

  #pidOf(name: string, { pid = 0 }: ChildProcess): number {
    return (this.#entered.has(name) ? onlyChild(pid) : undefined) ?? pid;
  }

  /**
   * Ends everything, last started first, so that no component sees the one it talks to go. SIGKILL: the data goes
   * with the folder, so there is nothing that a graceful stop would save, and an API server takes seconds for one.
   */
  async stop(): Promise<void> {
    for (const { child, exited } of [...this.#children.values()].reverse()) {
      child.kill("SIGKILL");
      await exited;
    }
  }

  /** Nothing of the caller's environment: `KWOK_*`, `ETCD_*` and a `~/.kwok` would change what is started. */
  #environment(): NodeJS.ProcessEnv {
    return { PATH: pathVariable(), HOME: this.#folder, TMPDIR: this.#folder };
  }

  #record(): void {
    const processes: Record<string, ProcessIdentity> = {};
    for (const [name, { child }] of this.#children) {
      const identity = identify(child.pid ?? 0);
      if (identity) processes[name] = identity;
    }
    const keeper = identify(process.pid);
    if (keeper) writeRecord(this.#folder, { keeper, processes });
  }
}

/** Undefined while there is none: nsenter has not yet forked. */
const onlyChild = (pid: number): number | undefined => {
  try {
    return Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"), 10) || undefined;
  } catch {
    return undefined;
  }
};

/**
 * Where the kernel can end a child with its parent, a SIGKILL of the keeper takes all with it. Asked by trying,
 * because busybox has a setpriv without the option. The signal is bound to the thread that spawned, and the keeper
 * has only its main one.
 */
const parentDeathPrefix = (): string[] => {
  const prefix = ["setpriv", "--pdeathsig", "KILL", "--"];
  const [command = "", ...args] = prefix;
  return spawnSync(command, [...args, "true"], { stdio: "ignore", env: { PATH: pathVariable() } }).status === 0
    ? prefix
    : [];
};
