import { type Cluster, freePort } from "@pcmc/devcluster";
import { until } from "./until.ts";

/** A port of this machine behind which a Service is. Dispose of it. */
export interface Forwarded extends AsyncDisposable {
  /** Without a path. */
  readonly url: string;
}

/** Runs `kubectl port-forward` until it is disposed of; returns when something answers over HTTP. */
export const portForward = async (cluster: Cluster, object: string, port: number): Promise<Forwarded> => {
  const local = await freePort();
  const ending = new AbortController();
  const ended = cluster
    .kubectl(["port-forward", object, `${local}:${port}`], { signal: ending.signal })
    .then(({ stderr }) => stderr, String);
  const url = `http://127.0.0.1:${local}`;
  const end = async () => {
    ending.abort();
    return await ended;
  };
  try {
    await until(`${object} answers`, () => fetch(url, { signal: AbortSignal.timeout(5_000) }), 20_000);
  } catch (error) {
    throw new Error(`kubectl port-forward ${object}: ${await end()}`, { cause: error });
  }
  return { url, [Symbol.asyncDispose]: async () => void (await end()) };
};
