import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** A process the keeper is asked to run. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** File that standard output and error are appended to. */
  readonly log: string;
  /** The command becomes nsenter: the process itself is its child, and that is the one to signal. */
  readonly entered?: boolean;
}

/** How a process ended. */
export interface Exit {
  readonly name: string;
  readonly pid: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What is asked of a keeper. Each is answered by one reply with the same id. */
export type KeeperRequest = { readonly id: number } & (
  | { readonly op: "start"; readonly process: ProcessSpec }
  | { readonly op: "signal"; readonly name: string; readonly signal: NodeJS.Signals }
  | { readonly op: "list" }
  | { readonly op: "stop" }
);

/** Pids of the processes that run, by name. */
export type Pids = Readonly<Record<string, number>>;

/** What a keeper says: replies, and the end of a process whenever it happens. */
export type KeeperMessage =
  | { readonly kind: "reply"; readonly id: number; readonly pids: Pids }
  | { readonly kind: "failure"; readonly id: number; readonly message: string }
  | { readonly kind: "exit"; readonly exit: Exit };

/** Writes one message as one line of JSON. */
export const writeMessage = (output: Writable, message: KeeperRequest | KeeperMessage): void => {
  if (output.writable) output.write(`${JSON.stringify(message)}\n`);
};

/** Calls `onMessage` for each line. Both ends are this package, so the shape is trusted. */
export const readMessages = <T extends KeeperRequest | KeeperMessage>(
  input: Readable,
  onMessage: (message: T) => void,
): void => {
  createInterface({ input }).on("line", (line) => {
    const message = parse<T>(line);
    if (message) onMessage(message);
  });
};

/** Undefined for half a line: the other end was killed while it wrote. */
const parse = <T>(line: string): T | undefined => {
  try {
    return JSON.parse(line) as T;
  } catch {
    return undefined;
  }
};
