import type { Socket } from "node:net";
import { connect, type Target } from "./connect.ts";
import { Connection, type ConnectionObserver, type Exchange } from "./connection.ts";

/** A request that waits for a connection. */
export interface Demand extends Exchange {
  /** False = nobody waits for it any more. */
  readonly isWanted: boolean;
  /** Its turn has come. @returns the whole request as text; `undefined` = it turns back, the connection stays free. */
  begin(connection: Connection): string | undefined;
}

export interface PoolOptions {
  /** Connections at the most; further requests wait for a free one. Absent = as many as are asked for. */
  readonly connections?: number | undefined;
  /** Milliseconds until a connection attempt counts as failed. */
  readonly connectTimeout: number;
  /** Milliseconds for which an idle connection is kept, unless the server says less. */
  readonly keepAlive: number;
}

interface Waiting {
  readonly demand: Demand;
  /** How many attempts to connect had been begun before it came. */
  readonly after: number;
}

/** The pool is closed: its requests would fail at another try too. */
export class PoolClosedError extends Error {
  readonly code = "ERR_HTTP_POOL_CLOSED";

  constructor() {
    super("the client is closed");
    this.name = "PoolClosedError";
  }
}

/**
 * Connections to one server, each for one request at a time. The connection that was used last is used next, so that
 * those that are no longer needed grow old; requests that must wait have their turn in the order they came.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #waiting: Waiting[] = [];
  /** All that are established, with the target as it was then: one that is outdated ends with its request. */
  readonly #connections = new Map<Connection, Target>();
  readonly #connecting = new Set<Socket>();
  /** The one that was used last stands last. */
  readonly #idle: Connection[] = [];
  readonly #observer: ConnectionObserver;
  #target: Target;
  /** The newest TLS session with the target. */
  #session: Buffer | undefined;
  /** Connections that have been begun, ever. */
  #attempts = 0;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(target: Target, options: PoolOptions) {
    this.#target = target;
    this.#options = options;
    this.#observer = {
      onFree: (connection) => this.#serve(connection),
      onGone: (connection) => this.#forget(connection),
    };
  }

  /** Sends the request as soon as there is a connection for it. */
  request(demand: Demand): void {
    if (this.#closed) {
      demand.onError(new PoolClosedError(), false);
      return;
    }
    this.#waiting.push({ demand, after: this.#attempts });
    const connection = this.#takeIdle();
    if (connection === undefined) this.#connectMore();
    else this.#serve(connection);
  }

  /** The TLS material has changed: what is under way ends on the connection it has, what follows gets a new one. */
  retarget(target: Target): void {
    this.#target = target;
    this.#session = undefined;
    for (const connection of this.#idle.splice(0)) connection.destroy(new Error("the TLS material has changed"));
    for (const socket of this.#connecting) socket.destroy();
  }

  /** Closes all connections; requests that are under way or waiting fail. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#sweep);
    const cause = new PoolClosedError();
    for (const { demand } of this.#waiting.splice(0)) demand.onError(cause, false);
    for (const connection of this.#connections.keys()) connection.destroy(cause);
    for (const socket of this.#connecting) socket.destroy();
  }

  /** Gives a free connection to the first that wants it. */
  #serve(connection: Connection): void {
    if (this.#connections.get(connection) !== this.#target) {
      connection.destroy(new Error("the TLS material has changed"));
      return;
    }
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const bytes = next.demand.begin(connection);
      if (bytes !== undefined) {
        connection.send(next.demand, bytes);
        return;
      }
    }
    this.#keep(connection);
  }

  #keep(connection: Connection): void {
    connection.expires = performance.now() + Math.min(connection.keepAlive, this.#options.keepAlive);
    connection.hold(false);
    this.#idle.push(connection);
    this.#sweep ??= setTimeout(this.#sweepIdle, this.#options.keepAlive).unref();
  }

  #takeIdle(): Connection | undefined {
    const now = performance.now();
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.expires > now && connection.isUsable) {
        connection.hold(true);
        return connection;
      }
      connection.destroy(new Error("idle for too long, or closed by the server"));
    }
    return undefined;
  }

  readonly #sweepIdle = () => {
    this.#sweep = undefined;
    const now = performance.now();
    // Each takes itself out of the list.
    for (const connection of this.#idle.filter(({ expires }) => expires <= now)) {
      connection.destroy(new Error("idle for too long"));
    }
    if (this.#idle.length > 0) this.#sweep = setTimeout(this.#sweepIdle, this.#options.keepAlive).unref();
  };

  #forget(connection: Connection): void {
    this.#connections.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#connectMore();
  }

  /** One connection fails one request: the first that waits, unless it came when the attempt was under way for another. */
  #failFirst(cause: Error, attempt: number): void {
    while (this.#waiting[0]?.demand.isWanted === false) this.#waiting.shift();
    const [first] = this.#waiting;
    if (first === undefined || first.after >= attempt) return;
    this.#waiting.shift();
    first.demand.onError(cause, false);
  }

  #connectMore(): void {
    const most = this.#options.connections ?? Number.POSITIVE_INFINITY;
    while (
      !this.#closed &&
      this.#connecting.size < this.#waiting.length &&
      this.#connecting.size + this.#connections.size < most
    ) {
      this.#connect();
    }
  }

  #connect(): void {
    const target = this.#target;
    const attempt = ++this.#attempts;
    const socket = connect(target, {
      timeout: this.#options.connectTimeout,
      session: this.#session,
      onSession: (session) => {
        if (target === this.#target) this.#session = session;
      },
      onConnect: () => {
        this.#connecting.delete(socket);
        const connection = new Connection(socket, this.#observer);
        this.#connections.set(connection, target);
        this.#serve(connection);
      },
      onFail: (cause) => {
        this.#connecting.delete(socket);
        // It may be the session that something between us and the server does not bear.
        this.#session = undefined;
        if (target === this.#target) this.#failFirst(cause, attempt);
        this.#connectMore();
      },
    });
    this.#connecting.add(socket);
  }
}
