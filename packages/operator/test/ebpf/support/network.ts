import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

const SERVER = fileURLToPath(new URL("port-server.ts", import.meta.url));
const CLIENT = fileURLToPath(new URL("port-client.ts", import.meta.url));

const ip = (...words: readonly string[]): void => void execFileSync("ip", words, { stdio: "pipe" });

let made = 0;

/** Port of the connection by which the client tells what is closed. */
const FENCE = 9;

/** What became of a try to reach a port. */
export type Reach = "open" | "closed";

/**
 * Two network namespaces of a test's own, joined by a veth pair: a Pod's at 192.0.2.2 and a client's at 192.0.2.1 (TEST-NET-1,
 * RFC 5737). Nothing leaves them.
 */
export interface TestNetwork extends AsyncDisposable {
  /**
   * Starts a server on these ports, TCP and UDP, in the Pod's namespace and in the cgroup, once. Before any firewall: the
   * connection that tells what is closed is made here.
   */
  serve(cgroup: string, ports: readonly number[]): Promise<Server>;
  /** Tries from the client's side. */
  reach(protocol: "tcp" | "udp", port: number): Promise<Reach>;
}

export interface Server {
  readonly pid: number;
  /** What has reached the server: `tcp 7000` and the like, each as often as it came. */
  readonly arrived: readonly string[];
}

type Talker = ChildProcessByStdio<Writable, Readable, null>;

const start = (namespace: string, script: string, options: { args?: readonly string[]; cgroup?: string }): Talker => {
  const enter = options.cgroup === undefined ? "" : `echo $$ > ${options.cgroup}/cgroup.procs && `;
  const command = `${enter}exec ip netns exec ${namespace} ${process.execPath} ${script} ${(options.args ?? []).join(" ")}`;
  return spawn("sh", ["-c", command], { stdio: ["pipe", "pipe", "inherit"] });
};

const stop = async (child: Talker): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
};

export const testNetwork = async (): Promise<TestNetwork> => {
  const name = `pcmc${process.pid}x${made++}`;
  const [pod, client] = [`${name}p`, `${name}c`];
  const children: Talker[] = [];
  ip("netns", "add", pod);
  ip("netns", "add", client);
  ip("-n", pod, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", client);
  for (const [namespace, address] of [
    [pod, "192.0.2.2/24"],
    [client, "192.0.2.1/24"],
  ] as const) {
    ip("-n", namespace, "addr", "add", address, "dev", "eth0");
    for (const device of ["lo", "eth0"]) ip("-n", namespace, "link", "set", device, "up");
  }
  const prober = start(client, CLIENT, {});
  children.push(prober);
  const answers = createInterface({ input: prober.stdout })[Symbol.asyncIterator]();
  let turn: Promise<unknown> = Promise.resolve();
  const ask = (line: string): Promise<Reach> => {
    const answer = turn.then(async () => {
      prober.stdin.write(`${line}\n`);
      const { value } = await answers.next();
      return value === "open" ? "open" : "closed";
    });
    turn = answer;
    return answer;
  };
  return {
    async serve(cgroup, ports) {
      const child = start(pod, SERVER, { args: [FENCE, ...ports].map(String), cgroup });
      children.push(child);
      const arrived: string[] = [];
      const lines = createInterface({ input: child.stdout });
      await once(lines, "line");
      lines.on("line", (line) => arrived.push(line));
      await ask(`fence ${FENCE}`);
      return { pid: child.pid ?? 0, arrived };
    },
    reach: (protocol, port) => ask(`${protocol} ${port}`),
    async [Symbol.asyncDispose]() {
      for (const child of children) await stop(child);
      ip("netns", "del", pod);
      ip("netns", "del", client);
    },
  };
};
