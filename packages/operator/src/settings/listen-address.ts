import { isIPv6 } from "node:net";
import type { ValueType } from "./value-types.ts";

/** Where a server listens. */
export interface ListenAddress {
  /** A host name or an address, without brackets; empty = all addresses. */
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
}

const HOST = /^[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?$/;

/** Parses `:8080`, `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`: Go's `net.Listen` with a port number. */
export const parseListenAddress = (text: string): ListenAddress | undefined => {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, host = "", digits = ""] = match;
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (bracketed !== undefined) return isIPv6(bracketed) ? Object.freeze({ host: bracketed, port }) : undefined;
  return host === "" || HOST.test(host) ? Object.freeze({ host, port }) : undefined;
};

/** An address. */
export const address: ValueType<ListenAddress> = {
  allowed: "an address such as :8080, 127.0.0.1:8080 or [::1]:8080",
  placeholder: "address",
  parse: parseListenAddress,
};

/** An address, or `0` = do not listen, as in Go's controller-runtime. */
export const listenAddress: ValueType<ListenAddress | "off"> = {
  allowed: `${address.allowed}, or 0 to turn it off`,
  placeholder: address.placeholder,
  parse: (text) => (text === "0" ? "off" : parseListenAddress(text)),
};
