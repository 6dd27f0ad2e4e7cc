import { join } from "node:path";
import { Agent, request } from "undici";
import { ETCD_SOCKET } from "./components.ts";

/** What the address of a unix socket has room for, on macOS, which has least: unix(4). Characters. */
const LONGEST_PATH = 103;

/** A client of etcd's HTTP API. Idle connections do not keep the process alive. */
export class EtcdClient {
  readonly #agent: Agent;

  /** @throws when the path of the state folder is too long for a socket in it. */
  constructor(state: string) {
    const socketPath = join(state, ETCD_SOCKET);
    const excess = Buffer.byteLength(socketPath) - LONGEST_PATH;
    if (excess > 0)
      throw new Error(`${socketPath} is ${excess} characters too long for a socket: set a shorter stateDir or TMPDIR`);
    this.#agent = new Agent({ connect: { socketPath } });
  }

  /** What etcd answers; a body makes it a POST. @throws with status and answer for every status from 400 on. */
  async text(path: string, body?: unknown): Promise<string> {
    const method = body === undefined ? "GET" : "POST";
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await request(`http://etcd${path}`, { method, dispatcher: this.#agent, ...sent });
    const text = await response.body.text();
    if (response.statusCode >= 400) throw new Error(`etcd: ${method} ${path}: ${response.statusCode} ${text}`);
    return text;
  }

  /** Closes the connections, also those that wait for an answer. */
  close(): Promise<void> {
    return this.#agent.destroy();
  }
}
