import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort } from "@pcmc/devcluster";
import { BUNDLE, PROGRAM } from "../scripts/bundle.ts";
import type { Ground } from "./ground.ts";

const PCMC = fileURLToPath(new URL("../bin/pcmc", import.meta.url));

/** A manager that runs as a process of its own, as users run it. */
export interface Manager extends AsyncDisposable {
  readonly pid: number;
  /** Waits until `/readyz` says yes; resolves with when it did (`performance.now()`), to within 5 ms and one answer. */
  ready(): Promise<number>;
  /** @throws when the process has ended by itself: nothing that is waited for will come. */
  throwIfEnded(): void;
  stop(): Promise<void>;
}

/** The shipped manifests' settings, where they are not the defaults. */
const SHIPPED = {
  CONTROLLER_POD_WORKERS: "auto",
  LEADER_ELECTION_LEASE_DURATION: "6s",
  LEADER_ELECTION_RENEW_DEADLINE: "4s",
  LEADER_ELECTION_RETRY_PERIOD: "1s",
};

/** What `CONTROLLER_POD_WORKERS=auto` stands for. */
export const AUTO_WORKERS = 32;

/** Starts `bin/pcmc manager` with the shipped settings. Standard error, warnings and worse, goes to ours. */
export const startManager = async ({ identity, connections }: Ground): Promise<Manager> => {
  const port = await freePort();
  const child = spawn(PCMC, ["manager"], {
    // Nothing else of the environment of whoever runs this may decide what comes out.
    env: {
      PATH: process.env.PATH ?? "",
      HOME: "/nonexistent",
      // What is measured is what is shipped.
      PCMC_PROGRAM: `${BUNDLE}/${PROGRAM}`,
      KUBECONFIG: identity.kubeconfig,
      METRICS_ADDR: `127.0.0.1:${port}`,
      LOG_LEVEL: process.env.LOG_LEVEL ?? "warning",
      ...SHIPPED,
      ...(connections === AUTO_WORKERS ? {} : { CONTROLLER_POD_WORKERS: String(connections) }),
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (child.pid === undefined) throw new Error(`cannot start ${PCMC}`);
  const stop = () => end(child);
  const throwIfEnded = () => {
    if (child.exitCode !== null) throw new Error(`the manager ended with exit code ${child.exitCode}`);
  };
  const ready = async () => {
    const deadline = performance.now() + READY_TIMEOUT;
    while (!(await answersReady(port))) {
      throwIfEnded();
      if (performance.now() > deadline) throw new Error(`the manager is not ready after ${READY_TIMEOUT / 1_000} s`);
      await sleep(5);
    }
    return performance.now();
  };
  return { pid: child.pid, ready, throwIfEnded, stop, [Symbol.asyncDispose]: stop };
};

const READY_TIMEOUT = 60_000;

const answersReady = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/readyz`).then(
    (response) => response.ok,
    () => false,
  );

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
};
