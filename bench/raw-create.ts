/*
 * The ceiling: how many ConfigMaps a second the API server takes from a client that does nothing else. Run as a process
 * of its own, as the manager is; reads its job as one JSON line from stdin and prints one JSON line.
 */
import { readFileSync } from "node:fs";
import { type Dispatcher, Pool } from "undici";

/** What to send. Bodies are made before the clock starts. */
export interface RawJob {
  readonly server: string;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly authorization?: string;
  readonly connections: number;
  readonly path: string;
  readonly bodies: readonly string[];
}

export interface RawResult {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly errors: number;
}

const post = (pool: Pool, job: RawJob, body: string): Promise<number> =>
  new Promise((resolve, reject) => {
    let status = 0;
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart: () => {},
      onResponseStart: (_controller, code) => {
        status = code;
      },
      onResponseData: () => {},
      onResponseEnd: () => resolve(status),
      onResponseError: (_controller, error) => reject(error),
    };
    const headers: Record<string, string> = { "content-type": "application/json", accept: "application/json" };
    if (job.authorization !== undefined) headers.authorization = job.authorization;
    pool.dispatch({ method: "POST", path: job.path, headers, body }, handler);
  });

const run = async (job: RawJob): Promise<RawResult> => {
  const { ca, cert, key } = job;
  const connect = { ca, ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) };
  const pool = new Pool(job.server, { connections: job.connections, allowH2: false, connect });
  const started = performance.now();
  const cpu = process.cpuUsage();
  let next = 0;
  let errors = 0;
  const worker = async () => {
    for (let body = job.bodies[next++]; body !== undefined; body = job.bodies[next++]) {
      if ((await post(pool, job, body)) !== 201) errors++;
    }
  };
  await Promise.all(Array.from({ length: job.connections }, worker));
  const used = process.cpuUsage(cpu);
  const seconds = (performance.now() - started) / 1_000;
  await pool.close();
  return { seconds, cpuSeconds: (used.user + used.system) / 1e6, errors };
};

if (import.meta.main) {
  // The boundary: the job comes from raw.ts.
  const job = JSON.parse(readFileSync(0, "utf8")) as RawJob;
  console.log(JSON.stringify(await run(job)));
}
