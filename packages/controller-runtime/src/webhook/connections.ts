import type { Socket } from "node:net";

/**
 * The connections of a server, and which of them has been idle longest: since it was opened, or since its last answer. One in its
 * handshake, or in the middle of a head, is idle: nobody has asked for anything yet.
 */
export class Connections {
  readonly #limit: number;
  /** All of them, by the client's address. Of a TLS connection and the TCP connection below it that is the same. */
  readonly #all = new Map<string, Socket>();
  /** The longest idle first. */
  readonly #idle = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A connection has been opened. When there are more than the limit now, one ends: the longest idle, this one at worst. */
  add(socket: Socket): void {
    const key = keyOf(socket);
    this.#all.set(key, socket);
    this.#idle.add(key);
    socket.once("close", () => {
      if (this.#all.get(key) !== socket) return;
      this.#all.delete(key);
      this.#idle.delete(key);
    });
    if (this.#all.size <= this.#limit) return;
    const [longest = key] = this.#idle;
    this.#idle.delete(longest);
    this.#all.get(longest)?.destroy();
    this.#all.delete(longest);
  }

  /** A request has come on a connection: it is idle no more. */
  begin(socket: Socket): void {
    this.#idle.delete(keyOf(socket));
  }

  /** The request has been answered. */
  end(socket: Socket): void {
    const key = keyOf(socket);
    if (this.#all.has(key)) this.#idle.add(key);
  }

  /** Ends all connections, whatever they are about. */
  cut(): void {
    for (const socket of this.#all.values()) socket.destroy();
  }
}

const keyOf = ({ remoteAddress = "", remotePort = 0 }: Socket): string => `${remoteAddress} ${remotePort}`;
