import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";

/** A server, and how it is spoken to. */
export interface Target {
  /** Name or address, an IPv6 one without brackets. */
  readonly host: string;
  readonly port: number;
  /** Absent = without TLS. */
  readonly tls?: TargetTls | undefined;
}

export interface TargetTls {
  readonly secureContext: SecureContext;
  /** Name to ask for and to verify instead of the host. */
  readonly servername?: string | undefined;
  readonly rejectUnauthorized: boolean;
}

export interface ConnectOptions {
  /** Milliseconds until the attempt counts as failed. */
  readonly timeout: number;
  /** TLS session of an earlier connection, which spares half of the handshake. */
  readonly session?: Buffer | undefined;
  /** The server gave a session for later connections; also after `onConnect`. */
  readonly onSession: (session: Buffer) => void;
  readonly onConnect: () => void;
  /** Called instead of `onConnect`; the socket is destroyed. */
  readonly onFail: (cause: Error) => void;
}

/** TCP asks the peer for a sign of life after so many milliseconds of silence. */
const KEEP_ALIVE_PROBE = 60_000;

/** Begins to connect. @returns the socket, which may be destroyed at any time: then `onFail` is called. */
export const connect = ({ host, port, tls }: Target, options: ConnectOptions): Socket => {
  const { timeout, session, onSession, onConnect, onFail } = options;
  // Many small writes: Nagle's algorithm would hold each until the one before is acknowledged.
  const tcp = { host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_PROBE };
  // SNI has no form for addresses (RFC 6066, section 3); the certificate is then verified against the host.
  const servername = tls?.servername ?? (isIP(host) === 0 ? host : "");
  const socket =
    tls === undefined
      ? connectTcp(tcp)
      : connectTls({ ...tcp, ...tls, servername, ALPNProtocols: ["http/1.1"], ...(session && { session }) });
  socket.on("session", onSession);
  const fail = (cause: Error) => {
    clearTimeout(timer);
    socket.off("error", fail).off("close", onClose).on("error", ignore).destroy();
    onFail(cause);
  };
  const onClose = () => fail(new Error("the connection was closed while it was being made"));
  const timer = setTimeout(
    () => fail(new Error(`no connection to ${host}:${port} within ${timeout / 1000} s`)),
    timeout,
  );
  socket.once("error", fail).once("close", onClose);
  socket.once(tls === undefined ? "connect" : "secureConnect", () => {
    clearTimeout(timer);
    socket.off("error", fail).off("close", onClose);
    onConnect();
  });
  return socket;
};

/** What comes after the first error says nothing new. */
const ignore = () => {};
