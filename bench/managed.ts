import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

const PCMC = fileURLToPath(new URL("../bin/pcmc", import.meta.url));

/** A manager that runs as a process of its own, as users run it. */
export interface Manager extends AsyncDisposable {
  readonly pid: number;
  /** `http://127.0.0.1:PORT` of probes and metrics. */
  readonly url: string;
  /** Whether `/readyz` says yes. */
  ready(): Promise<boolean>;
  stop(): Promise<void>;
}

/** Starts `bin/pcmc manager` against a cluster. Standard error goes to ours. */
export const startManager = async (
  kubeconfig: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Manager> => {
  const port = await freePort();
  const child = spawn(PCMC, ["manager"], {
    env: {
      ...process.env,
      KUBECONFIG: kubeconfig,
      METRICS_ADDR: `127.0.0.1:${port}`,
      CONTROLLER_POD_WORKERS: "auto",
      LOG_LEVEL: process.env.LOG_LEVEL ?? "warning",
      ...env,
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (child.pid === undefined) throw new Error(`cannot start ${PCMC}`);
  const url = `http://127.0.0.1:${port}`;
  const stop = () => end(child);
  return {
    pid: child.pid,
    url,
    stop,
    ready: () =>
      fetch(`${url}/readyz`).then(
        (response) => response.ok,
        () => false,
      ),
    [Symbol.asyncDispose]: stop,
  };
};

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
};

const freePort = async (): Promise<number> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
};
