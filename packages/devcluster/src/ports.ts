import { createServer } from "node:net";

/**
 * Below the range from which kernels give outgoing connections their ports (Linux 32768, macOS and IANA 49152): an
 * API server that is killed and started again must find its port still free.
 */
const FIRST = 20_000;
const LAST = 32_767;

/** A TCP port that is free now on `host`. Somebody may still be faster: who binds it must be ready to retry. */
export const freePort = async (random: () => number = Math.random, host = "127.0.0.1"): Promise<number> => {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = FIRST + Math.floor(random() * (LAST - FIRST + 1));
    if (await canBind(port, host)) return port;
  }
  throw new Error(`no free port found on ${host} between ${FIRST} and ${LAST}`);
};

const canBind = (port: number, host: string): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
