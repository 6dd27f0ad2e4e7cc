import { LEASE_SECONDS } from "../packages/operator/test/chaos/lease.ts";
import { ManagerProcess } from "../packages/operator/test/integration/support/manager-process.ts";
import type { Ground } from "./ground.ts";
import { AUTO_WORKERS } from "./managed.ts";

/** How a leader is ended. */
export type Ending = "graceful" | "kill";

const SIGNALS = { graceful: "SIGTERM", kill: "SIGKILL" } as const;

/** The replicas of a Deployment: one that ends is followed by another. */
export class Replicas implements AsyncDisposable {
  readonly #ground: Ground;
  readonly #running = new Map<string, ManagerProcess>();
  readonly #problems: string[] = [];
  /** Those that ended though nobody asked them to. */
  readonly #fallen: string[] = [];
  #started = 0;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** What went wrong with them: errors that they logged, and exit codes. */
  get problems(): readonly string[] {
    return [...this.#problems, ...[...this.#running].flatMap(([name, process]) => errorsOf(name, process))];
  }

  /** Starts one; resolves when it is ready. */
  async start(): Promise<void> {
    const { identity, connections } = this.#ground;
    const name = `replica-${++this.#started}`;
    const process = await ManagerProcess.start({
      KUBECONFIG: identity.kubeconfig,
      POD_NAME: name,
      CONTROLLER_POD_WORKERS: connections === AUTO_WORKERS ? "auto" : String(connections),
      LEADER_ELECTION_LEASE_DURATION: `${LEASE_SECONDS.duration}s`,
      LEADER_ELECTION_RENEW_DEADLINE: `${LEASE_SECONDS.renewDeadline}s`,
      LEADER_ELECTION_RETRY_PERIOD: `${LEASE_SECONDS.retryPeriod}s`,
    });
    this.#running.set(name, process);
    void process.exit.then(({ code, signal }) => {
      if (this.#running.has(name)) this.#fallen.push(`${name} ended by itself with ${signal ?? code}`);
    });
    await process.ready();
  }

  /** Sends the signal at once. @returns when it was sent (`performance.now()`), and a wait for the end of the process. */
  end(holder: string, how: Ending): { readonly signalled: number; readonly ended: () => Promise<void> } {
    const name = holder.replace(/_[^_]*$/, "");
    const process = this.#running.get(name);
    if (process === undefined) throw new Error(`the Lease is held by ${holder}, which is none of the replicas`);
    this.#running.delete(name);
    const signalled = performance.now();
    process.kill(SIGNALS[how]);
    const ended = async () => {
      const { code, signal } = await process.exit;
      this.#problems.push(...errorsOf(name, process));
      if (how === "graceful" && code !== 0) this.#problems.push(`${name} ended with ${signal ?? code} after SIGTERM`);
    };
    return { signalled, ended };
  }

  /** @throws Error when one has ended by itself: nothing that is waited for may come. */
  throwIfEnded(): void {
    if (this.#fallen.length > 0) throw new Error(this.#fallen.join("; "));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const left = [...this.#running.values()];
    this.#running.clear();
    await Promise.all(left.map((process) => process.stop()));
  }
}

/** klog's errors begin with an E. */
const errorsOf = (name: string, { lines }: ManagerProcess): string[] =>
  lines.filter((line) => line.startsWith("E")).map((line) => `${name} says: ${line}`);
