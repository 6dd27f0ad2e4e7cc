import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { until } from "./until.ts";

/** Longer than any command takes but those that say so. Milliseconds. */
const TIMEOUT = 60_000;

/**
 * A process of the probe (images/probe) that does what it is told. It listens on a Unix socket, so that no firewall stands
 * between; each connection has a process of its own, which ends with it and with it what it began.
 */
export class Probe implements Disposable {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#reader = createInterface({ input: socket });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** Connects as soon as somebody listens. */
  static open(path: string): Promise<Probe> {
    return until(`a probe listens on ${path}`, async () => new Probe(await connected(path)));
  }

  /** Runs a command and gives back the words of its answer. @throws with what the probe said went wrong. */
  async ask(...command: readonly (string | number)[]): Promise<string[]> {
    const line = command.join(" ");
    this.#socket.write(`${line}\n`);
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`the probe has no answer to ${line}`)), TIMEOUT);
    const next = await Promise.race([this.#lines.next(), promise]).finally(() => clearTimeout(timer));
    if (next.done) throw new Error(`the probe ended at ${line}`);
    const [status, ...words] = next.value.split(" ");
    if (status !== "ok") throw new Error(`${line}: ${words.join(" ")}`);
    return words;
  }

  /** Ends the process. */
  [Symbol.dispose](): void {
    this.#reader.close();
    this.#socket.destroy();
  }
}

const connected = (path: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      // A probe that ends shows as the end of its lines.
      socket.on("error", () => {});
      resolve(socket);
    });
  });

/** Folder of the sockets, on this machine and on the node alike. */
export const probeFolder = (stateDir: string): string => join(stateDir, "p");

/** Socket of the probe with this name. */
export const probeSocket = (stateDir: string, name: string): string => join(probeFolder(stateDir), name);
