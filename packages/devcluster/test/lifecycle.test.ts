/**
 * Invariants:
 * - whatever ends a cluster (stop, a failed or aborted start, the death of its owner or of its keeper), no process
 *   of it is left, and no folder either, at the latest after the next start;
 * - clusters that run at the same time know nothing of each other.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Cluster, startCluster } from "../src/index.ts";
import { poll } from "../src/poll.ts";
import { identify } from "../src/process-identity.ts";
import { readRecord, stateRoot, sweepStates } from "../src/state.ts";
import { allGone, identifyAll } from "./processes.ts";

const owner = fileURLToPath(new URL("./fixtures/owner.ts", import.meta.url));

/** The fastest cluster there is: these tests are about processes. */
const small = { controllerManager: false };

let stateDir: string;
let children: ChildProcess[];

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "devcluster-test-"));
  children = [];
});

afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(stateDir, { recursive: true, force: true });
});

const pidsOf = async (cluster: Cluster) => [cluster.keeperPid ?? 0, ...Object.values(await cluster.pids())];

/** Starts a script that owns a cluster, and waits until that is up. */
const startOwner = async (behaviour: "wait" | "forget") => {
  const child = spawn(process.execPath, [owner, stateDir, behaviour], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const { pids, state } = JSON.parse(line) as { pids: number[]; state: string };
    return { child, pids, state };
  }
  throw new Error("the owner ended without a word");
};

const folderGone = (folder: string) =>
  poll(async () => (existsSync(folder) ? undefined : true), { timeout: 10_000, what: `${folder} is gone` });

describe("a cluster", () => {
  test("is gone without a trace after stop, and a second stop does nothing", async () => {
    const cluster = await startCluster({ ...small, stateDir });
    const processes = identifyAll(await pidsOf(cluster));
    await cluster.stop();
    await allGone(processes);
    expect(readdirSync(stateRoot(stateDir))).toEqual([]);
    await cluster.stop();
  });

  test("ends the kubectl that would go on without it", async () => {
    const cluster = await startCluster({ ...small, stateDir });
    const proxy = () => cluster.kubectl(["proxy", "--port=0"]);
    const running = proxy();
    await cluster.stop();
    const stopped = { exitCode: 1, stderr: "the cluster was stopped" };
    expect([await running, await proxy()]).toMatchObject([stopped, stopped]);
  });

  test("runs beside another one without either seeing the other's objects", async () => {
    const clusters = await Promise.all([startCluster({ ...small, stateDir }), startCluster({ ...small, stateDir })]);
    try {
      const [first, second] = clusters;
      const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "mine" } };
      await first.request("POST", "/api/v1/namespaces", namespace);
      expect(second.server).not.toBe(first.server);
      await expect(second.request("GET", "/api/v1/namespaces/mine")).rejects.toMatchObject({ reason: "NotFound" });
    } finally {
      await Promise.all(clusters.map((cluster) => cluster.stop()));
    }
  });

  test("that cannot start says why with the end of the log, and leaves nothing", async () => {
    const start = startCluster({ ...small, stateDir, apiServerFlags: { "no-such-flag": "1" } });
    await expect(start).rejects.toThrow(/kube-apiserver ended \(exit code 1\):\n.*unknown flag: --no-such-flag/s);
    expect(readdirSync(stateRoot(stateDir))).toEqual([]);
  });

  test("whose folder is too deep for etcd's socket says so, and leaves nothing", async () => {
    const deep = join(stateDir, "a".repeat(100));
    mkdirSync(deep);
    await expect(startCluster({ ...small, stateDir: deep })).rejects.toThrow(
      /etcd\.sock:0 is \d+ characters too long for a socket: set a shorter stateDir or TMPDIR$/,
    );
    expect(readdirSync(stateRoot(deep))).toEqual([]);
  });

  test("whose start is aborted leaves nothing", async () => {
    const controller = new AbortController();
    const start = startCluster({ ...small, stateDir, signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(start).rejects.toThrow("enough");
    expect(readdirSync(stateRoot(stateDir))).toEqual([]);
  });
});

describe("the end of the owner", () => {
  test("by SIGKILL ends the cluster and removes its folder", async () => {
    const { child, pids, state } = await startOwner("wait");
    const processes = identifyAll(pids);
    child.kill("SIGKILL");
    await allGone(processes);
    await folderGone(state);
  });

  test("by running out of things to do is not held up by a cluster nobody stopped", async () => {
    const { pids, state } = await startOwner("forget");
    await poll(async () => (pids.some((pid) => identify(pid)) ? undefined : true), {
      timeout: 20_000,
      what: "the processes are gone",
    });
    await folderGone(state);
  });
});

describe("the end of the keeper by SIGKILL", () => {
  test.runIf(process.platform === "linux")("takes the components with it, and stop removes the folder", async () => {
    const cluster = await startCluster({ ...small, stateDir });
    const processes = identifyAll(await pidsOf(cluster));
    process.kill(cluster.keeperPid ?? 0, "SIGKILL");
    await allGone(processes);
    await cluster.stop();
    expect(readdirSync(stateRoot(stateDir))).toEqual([]);
  });

  test.runIf(process.platform === "linux")("leaves a folder that the next start sweeps", async () => {
    const { child, pids, state } = await startOwner("wait");
    const processes = identifyAll(pids);
    const keeper = readRecord(state)?.keeper.pid;
    process.kill(keeper ?? 0, "SIGKILL");
    child.kill("SIGKILL");
    await allGone(processes);
    expect(existsSync(state)).toBe(true);
    await sweepStates(stateRoot(stateDir));
    expect(existsSync(state)).toBe(false);
  });
});
