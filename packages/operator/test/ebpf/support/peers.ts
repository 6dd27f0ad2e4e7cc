import { type ChildProcessByStdio, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { enter } from "./cgroups.ts";
import type { Command } from "./peer-process.ts";

/** Why tests in network namespaces of their own cannot run here; `undefined` where they can. */
export const noNamespaces =
  process.getuid?.() !== 0
    ? "needs root"
    : spawnSync("unshare", ["--net", "ip", "link"]).status === 0
      ? undefined
      : "needs network namespaces, unshare and ip";

/** A process in a network namespace of its own. */
export interface Peer extends AsyncDisposable {
  readonly pid: number;
  do(command: Command): Promise<unknown>;
}

const PROCESS = fileURLToPath(new URL("peer-process.ts", import.meta.url));

/** @param cgroup where it is put before it opens a socket. */
const startPeer = async (cgroup: string | undefined): Promise<Peer> => {
  const child = spawn("unshare", ["--net", "--", process.execPath, PROCESS], { stdio: ["pipe", "pipe", "inherit"] });
  await once(child, "spawn");
  const pid = child.pid;
  if (pid === undefined) throw new Error("no pid");
  if (cgroup !== undefined) enter(cgroup, pid);
  const peer = { pid, do: commander(child), [Symbol.asyncDispose]: () => end(child) };
  // Answers at all: it is in its namespace.
  await peer.do({ do: "listen", port: 1 });
  return peer;
};

type Child = ChildProcessByStdio<Writable, Readable, null>;

const commander = (child: Child): Peer["do"] => {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { id, value, error }: { id: number; value?: unknown; error?: string } = JSON.parse(line);
    const caller = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) caller?.resolve(value);
    else caller?.reject(new Error(error));
  });
  let last = 0;
  return (command) =>
    new Promise((resolve, reject) => {
      last += 1;
      waiting.set(last, { resolve, reject });
      child.stdin.write(`${JSON.stringify({ id: last, command })}\n`);
    });
};

const end = async (child: Child): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.stdin.end();
  await once(child, "exit");
};

/** Of the Pod, and of the world: the second of each family stands for an address of the node. */
export const ADDRESSES = {
  pod: { ipv4: "10.99.0.2", ipv6: "fd99::2" },
  world: { ipv4: "10.99.0.1", ipv6: "fd99::1" },
  node: { ipv4: "10.99.0.9", ipv6: "fd99::9" },
} as const;

/** A Pod and the world outside of it: two network namespaces with a cable between them. They go with their processes. */
export interface Wire extends AsyncDisposable {
  readonly pod: Peer;
  readonly world: Peer;
}

/** @param cgroup the Pod's. */
export const wire = async (cgroup: string): Promise<Wire> => {
  await using started = new AsyncDisposableStack();
  const pod = started.use(await startPeer(cgroup));
  const world = started.use(await startPeer(undefined));
  const [here, there] = [String(pod.pid), String(world.pid)];
  ip(here, ["link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", there]);
  for (const [pid, addresses] of [
    [here, [ADDRESSES.pod]],
    [there, [ADDRESSES.world, ADDRESSES.node]],
  ] as const) {
    for (const { ipv4, ipv6 } of addresses) {
      ip(pid, ["address", "add", `${ipv4}/24`, "dev", "eth0"]);
      ip(pid, ["address", "add", `${ipv6}/64`, "dev", "eth0", "nodad"]);
    }
    for (const device of ["lo", "eth0"]) ip(pid, ["link", "set", device, "up"]);
  }
  const stack = started.move();
  return { pod, world, [Symbol.asyncDispose]: () => stack.disposeAsync() };
};

const ip = (pid: string, args: readonly string[]): void => {
  execFileSync("nsenter", ["-t", pid, "-n", "ip", ...args], { stdio: "pipe" });
};
