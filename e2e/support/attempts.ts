import type { Probe } from "./probe.ts";

/** Long enough for an answer on one machine, shorter than the second after which a SYN is repeated. Milliseconds. */
const PATIENCE = 400;

/** What became of an attempt to connect: `timeout` where the firewall of the other side drops it. */
export type Outcome = "connected" | "timeout" | "refused" | "denied" | (string & {});

/** Tries one TCP connection, with one SYN, and closes it. */
export const tcp = async (from: Probe, address: string, port: number, patience = PATIENCE): Promise<Outcome> => {
  const [outcome = "", connection = ""] = await from.ask("connect", address, port, patience);
  if (outcome === "connected") await from.ask("close", connection);
  return outcome;
};

/** A TCP connection that stays. */
export interface Connection {
  /** Sends a byte and waits for its echo. */
  exchange(): Promise<"echoed" | "timeout" | (string & {})>;
}

/** Connects and keeps the connection until the probe's process ends. @throws when it is not connected. */
export const connection = async (from: Probe, address: string, port: number): Promise<Connection> => {
  const [outcome, number = ""] = await from.ask("connect", address, port, 5000);
  if (outcome !== "connected") throw new Error(`no connection to ${address} port ${port}: ${outcome}`);
  return { exchange: async () => (await from.ask("exchange", number, PATIENCE))[0] ?? "" };
};

/** What became of datagrams that ask for an echo. */
export type DatagramOutcome = "answered" | "lost" | "denied";

/** Sends one datagram from a socket of its own. `denied`: the sender's own firewall would not let it out. */
export const udp = async (from: Probe, address: string, port: number, size = 16): Promise<DatagramOutcome> => {
  const [answered, denied] = await from.ask("ask", address, port, 1, PATIENCE, size);
  if (denied !== "0") return "denied";
  return answered === "1" ? "answered" : "lost";
};

/** What a packet by hand is made of. */
export interface RawPacket {
  readonly protocol: "tcp" | "udp";
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  /** IPv6 extension headers, comma-separated (`hop,destination,atomic`), or `cut:8` for two fragments; default none. */
  readonly form?: string;
}

/** Sends a SYN or a datagram made by hand. For a SYN the answer is what came back, for a datagram `sent` or `denied`. */
export const raw = async (from: Probe, { protocol, source, destination, port, form = "-" }: RawPacket) =>
  (await from.ask("raw", protocol, source, destination, port, form, PATIENCE))[0];

/** The numbers that a recorder has received, as a test of each. */
export const recorded = async (at: Probe): Promise<(number: number) => boolean> => {
  const [digits = ""] = await at.ask("recorded");
  const bytes = Buffer.from(digits, "hex");
  return (number) => ((bytes[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
};
