import type { Cache } from "../cache/cache.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { LeaderElector } from "../leader/elector.ts";
import type { Term } from "../leader/term.ts";
import { type Logger, silentLogger } from "../log.ts";
import { type PageContent, type PageServer, type ServerAddress, servePages } from "./server.ts";

/** Something that runs for as long as the manager does: a controller. */
export interface Runnable {
  readonly name: string;
  /** Runs until `stop` aborts, then finishes what it has begun; `kill` ends that too. A rejection is fatal. */
  run(signals: { readonly stop: AbortSignal; readonly kill: AbortSignal }): Promise<void>;
}

/** One condition of readiness. */
export interface ReadyCheck {
  readonly name: string;
  /** `undefined` when ready, else why not. */
  check(): string | undefined;
}

export interface ManagerOptions {
  readonly cache: Cache;
  /** What every replica runs. */
  readonly runnables?: readonly Runnable[] | undefined;
  /**
   * What only the leader runs, made anew for each term: nothing of an old one is left. The runnables end with their term:
   * `kill` aborts when it is lost.
   */
  readonly led?: ((term: Term) => readonly Runnable[]) | undefined;
  /** Decides who leads. Absent = this process, for as long as it runs. */
  readonly elector?: Pick<LeaderElector, "run"> | undefined;
  /** Address of `/healthz`, `/readyz` and `/metrics`; absent = no server. */
  readonly address?: ServerAddress | undefined;
  /** The text of `/metrics` and its content type. */
  readonly metrics?: { readonly contentType: string; metrics(): Promise<string> } | undefined;
  /** Further pages of the same server, by path. */
  readonly pages?: Readonly<Record<string, () => PageContent | Promise<PageContent>>> | undefined;
  /** Further conditions of readiness, besides the caches. */
  readonly readyChecks?: readonly ReadyCheck[] | undefined;
  /** Milliseconds that reconciles under way get after a stop. Default 10,000. */
  readonly drainTimeout?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly log?: Logger | undefined;
  /** Called when the server listens, with its port. */
  readonly onListening?: ((port: number) => void) | undefined;
}

const DRAIN_TIMEOUT = 10_000;
/** Milliseconds that a runnable gets after a kill; one that has not ended by then is left behind. */
const KILL_GRACE = 2_000;

/**
 * Starts and stops the parts of a controller process in order: the server for probes and metrics first, so that whoever
 * looks sees why nothing runs yet; then the caches, which a standby keeps in step too; then the controllers, each when its
 * caches are in step and the Lease is held. At the end the other way round: reconciles drain while caches and server still
 * work, and the Lease is released once they have.
 */
export class Manager {
  readonly #options: ManagerOptions;
  readonly #log: Logger;
  readonly #clock: Clock;

  constructor(options: ManagerOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Runs until `stop` aborts and everything has drained, or until `kill` aborts.
   *
   * @throws Error when the server cannot listen, or a runnable fails for good; everything is stopped before.
   */
  async run({ stop, kill }: { readonly stop: AbortSignal; readonly kill: AbortSignal }): Promise<void> {
    const server = await this.#serve();
    // Timers of this library do not keep a process alive; while the API server is away there may be nothing else.
    const hold = setInterval(() => {}, 0x7fffffff);
    const caches = new AbortController();
    const stopping = linked(stop);
    const killing = linked(kill);
    try {
      this.#options.cache.start(caches.signal);
      // A kill is a stop too, for who waits for that alone.
      const killed = onAbort(killing.signal, () => {
        stopping.abort(killing.signal.reason);
        return undefined;
      });
      const drain = onAbort(stopping.signal, () => this.#startDrain(killing));
      const failures: unknown[] = [];
      const running = [...(this.#options.runnables ?? []), this.#leading()].map(async (runnable) => {
        try {
          await runnable.run({ stop: stopping.signal, kill: killing.signal });
        } catch (error) {
          failures.push(error);
          // One part that fails for good ends all: half a manager would look alive and not work.
          stopping.abort(error);
        }
      });
      await this.#untilKilled(Promise.all([aborted(stopping.signal), ...running]), killing.signal);
      drain.cancel();
      killed.cancel();
      if (failures.length > 0) throw failures[0];
      if (killing.signal.aborted) this.#log.warning("stopped before all reconciles had finished");
    } finally {
      caches.abort(new Error("the manager stops"));
      await this.#options.cache.stopped();
      await server?.close();
      clearInterval(hold);
      stopping.unlink();
      killing.unlink();
    }
  }

  /** What only the leader runs, as long as it leads. */
  #leading(): Runnable {
    const { elector, led = () => [] } = this.#options;
    const lead = (signals: Signals) => (term: Term) => runTogether(led(term), withTerm(signals, term));
    return {
      name: "leader",
      run: (signals) =>
        elector === undefined ? lead(signals)(ENDLESS) : elector.run({ ...signals, lead: lead(signals) }),
    };
  }

  /** Waits for the runnables; after a kill, not for ever. */
  async #untilKilled(running: Promise<unknown>, kill: AbortSignal): Promise<void> {
    const givenUp = Promise.withResolvers<void>();
    const timer = onAbort(kill, () => this.#clock.after(KILL_GRACE, () => givenUp.resolve()));
    await Promise.race([running, givenUp.promise]);
    timer.cancel();
  }

  #startDrain(killing: AbortController): { cancel(): void } {
    const timeout = this.#options.drainTimeout ?? DRAIN_TIMEOUT;
    this.#log.info("stopping: reconciles under way may finish", { timeoutSeconds: timeout / 1_000 });
    return this.#clock.after(timeout, () => killing.abort(new Error("the process stops")));
  }

  async #serve(): Promise<PageServer | undefined> {
    const { address, metrics, pages, onListening } = this.#options;
    if (address === undefined) return undefined;
    const server = await servePages({
      address,
      pages: {
        ...pages,
        "/healthz": () => ok,
        "/readyz": () => this.#readyz(),
        ...(metrics === undefined
          ? {}
          : {
              "/metrics": async () => ({
                status: 200,
                contentType: metrics.contentType,
                body: await metrics.metrics(),
              }),
            }),
      },
    });
    onListening?.(server.port);
    return server;
  }

  #readyz(): PageContent {
    const { cache, readyChecks = [] } = this.#options;
    const caches: ReadyCheck = { name: "caches", check: () => (cache.synced ? undefined : "not in step yet") };
    const lines = [caches, ...readyChecks].map(({ name, check }) => {
      const trouble = check();
      return { ready: trouble === undefined, text: trouble === undefined ? `[+]${name} ok` : `[-]${name}: ${trouble}` };
    });
    const ready = lines.every((line) => line.ready);
    return {
      status: ready ? 200 : 503,
      contentType: "text/plain",
      body: `${lines.map((line) => line.text).join("\n")}\n`,
    };
  }
}

type Signals = Parameters<Runnable["run"]>[0];

/** The one term of a process that does not take part in an election. */
const ENDLESS: Term = { signal: new AbortController().signal, assertHeld: () => {} };

/** A term that is lost ends what is under way in it. */
const withTerm = ({ stop, kill }: Signals, { signal }: Term): Signals => ({
  stop: AbortSignal.any([stop, signal]),
  kill: AbortSignal.any([kill, signal]),
});

/** Runs until all have ended; one that fails for good ends the others at once. @throws its error. */
const runTogether = async (runnables: readonly Runnable[], { stop, kill }: Signals): Promise<void> => {
  const failed = new AbortController();
  const signals = { stop: AbortSignal.any([stop, failed.signal]), kill: AbortSignal.any([kill, failed.signal]) };
  // Without anything to do the term lasts all the same.
  const idle = runnables.length === 0 ? [{ name: "idle", run: () => aborted(stop) }] : runnables;
  await Promise.allSettled(
    idle.map(async (runnable) => {
      try {
        await runnable.run(signals);
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }),
  );
  failed.signal.throwIfAborted();
};

const ok: PageContent = { status: 200, contentType: "text/plain", body: "ok\n" };

/** Resolves when `signal` aborts. */
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** A controller that aborts with `parent` until it is unlinked. */
const linked = (parent: AbortSignal): AbortController & { unlink(): void } => {
  const controller = new AbortController();
  const forward = () => controller.abort(parent.reason);
  if (parent.aborted) forward();
  else parent.addEventListener("abort", forward, { once: true });
  return Object.assign(controller, { unlink: () => parent.removeEventListener("abort", forward) });
};

/** Calls `start` when `signal` aborts; cancelling cancels whichever of the two there is. */
const onAbort = (signal: AbortSignal, start: () => { cancel(): void } | undefined): { cancel(): void } => {
  let started: { cancel(): void } | undefined;
  const listener = () => {
    started = start();
  };
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true });
  return {
    cancel: () => {
      signal.removeEventListener("abort", listener);
      started?.cancel();
    },
  };
};
