import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { poll } from "./poll.ts";
import {
  type Exit,
  type KeeperMessage,
  type KeeperRequest,
  type Pids,
  type ProcessSpec,
  readMessages,
  writeMessage,
} from "./protocol.ts";

type Question = KeeperRequest extends infer R ? (R extends KeeperRequest ? Omit<R, "id"> : never) : never;

interface Waiting {
  readonly resolve: (pids: Pids) => void;
  readonly reject: (error: Error) => void;
}

/** Something that keeps the event loop alive, or not. */
interface Handle {
  ref(): void;
  unref(): void;
}

/**
 * The owner's end of a keeper. It keeps the process alive only while a reply is awaited, so a script that forgets
 * to stop its cluster still ends, and the cluster with it.
 */
export class KeeperClient {
  readonly #output: Writable;
  readonly #handles: readonly Handle[];
  readonly #waiting = new Map<number, Waiting>();
  readonly #exits = new Map<string, Exit>();
  readonly #closed = Promise.withResolvers<void>();
  #isClosed = false;
  #next = 1;
  /** Pid of the keeper where this process spawned it. */
  readonly pid: number | undefined;

  constructor(input: Readable, output: Writable, options: { handles: readonly Handle[]; pid?: number | undefined }) {
    this.#output = output;
    this.#handles = options.handles;
    this.pid = options.pid;
    readMessages<KeeperMessage>(input, (message) => this.#receive(message));
    output.on("error", () => this.#close());
    input.on("close", () => this.#close());
    for (const handle of this.#handles) handle.unref();
  }

  /** Starts a process. Rejects when the keeper cannot. */
  async start(process: ProcessSpec): Promise<Pids> {
    this.#exits.delete(process.name);
    return this.#ask({ op: "start", process });
  }

  /** Sends a signal to a process. */
  signal(name: string, signal: NodeJS.Signals): Promise<Pids> {
    return this.#ask({ op: "signal", name, signal });
  }

  /** What runs. */
  pids(): Promise<Pids> {
    return this.#ask({ op: "list" });
  }

  /** Ends all processes and the keeper, and removes the state folder. Rejects when the keeper is gone already. */
  async stop(): Promise<void> {
    await this.#ask({ op: "stop" });
  }

  /** How the last process of that name ended; undefined while it runs. */
  exitOf(name: string): Exit | undefined {
    return this.#exits.get(name);
  }

  /** Ends the connection only. A keeper with a lifeline takes that as the end of its owner. */
  disconnect(): void {
    this.#output.end();
  }

  #ask(question: Question): Promise<Pids> {
    if (this.#isClosed) return Promise.reject(gone());
    const id = this.#next++;
    const { promise, resolve, reject } = Promise.withResolvers<Pids>();
    if (this.#waiting.size === 0) for (const handle of this.#handles) handle.ref();
    this.#waiting.set(id, { resolve, reject });
    writeMessage(this.#output, { ...question, id });
    return promise;
  }

  #receive(message: KeeperMessage): void {
    if (message.kind === "exit") {
      this.#exits.set(message.exit.name, message.exit);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (this.#waiting.size === 0) for (const handle of this.#handles) handle.unref();
    if (message.kind === "reply") waiting?.resolve(message.pids);
    else waiting?.reject(new Error(message.message));
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { reject } of this.#waiting.values()) reject(gone());
    this.#waiting.clear();
    this.#closed.resolve();
  }
}

const gone = () => new Error("the keeper of the cluster is gone, and the cluster with it");

const keeperScript = fileURLToPath(new URL("./keeper.ts", import.meta.url));

/** Starts a keeper that lives as long as this process, or until it is told to stop. */
export const spawnKeeper = (folder: string): KeeperClient => {
  const child = launch(folder, "lifeline");
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error("unreachable: both are pipes");
  // Node types a child's pipes as streams; they are sockets, which is what has ref and unref.
  return new KeeperClient(stdout, stdin, { handles: [child, stdin as Socket, stdout as Socket], pid: child.pid });
};

/** Starts a keeper that outlives this process, and connects to it. */
export const spawnStayingKeeper = async (folder: string, signal?: AbortSignal): Promise<KeeperClient> => {
  const child = launch(folder, "stay");
  child.unref();
  try {
    return await poll(() => connectKeeper(folder), { timeout: 10_000, what: "the keeper listens", signal });
  } catch (error) {
    // It removes the folder on its way out.
    child.kill("SIGTERM");
    throw error;
  }
};

/** Connects to a keeper that stays; undefined when none listens there. */
export const connectKeeper = async (folder: string): Promise<KeeperClient | undefined> => {
  const socket = connect(join(folder, "keeper.sock"));
  try {
    await once(socket, "connect");
  } catch {
    return undefined;
  }
  return new KeeperClient(socket, socket, { handles: [socket] });
};

/** Its own session: a Ctrl-C at the terminal reaches the owner alone, which then decides what ends when. */
const launch = (folder: string, life: "lifeline" | "stay"): ChildProcess => {
  const log = openSync(join(folder, "keeper.log"), "a");
  const { NODE_OPTIONS, NODE_V8_COVERAGE, ...env } = process.env;
  const channel = life === "lifeline" ? "pipe" : "ignore";
  const child = spawn(process.execPath, [keeperScript, folder, life], {
    cwd: folder,
    detached: true,
    env,
    stdio: [channel, channel, log],
  });
  closeSync(log);
  return child;
};
