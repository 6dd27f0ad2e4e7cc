/**
 * Invariants:
 * - A job is begun by the worker or taken back by the pool, and never both nor neither, whoever comes first.
 * - What was given after a job was taken back is begun as if nothing had been.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { Claims, JOB_NUMBERS } from "../src/claims.ts";

test("what has begun is not taken back, and what is taken back is not begun", () => {
  const claims = new Claims(Claims.word());
  expect(claims.begun).toBe(0);
  expect(claims.begin(1)).toBe(true);
  expect(claims.revoke(3)).toBe(1);
  expect([claims.begin(2), claims.begin(3), claims.begun]).toEqual([false, false, 1]);
  expect([claims.begin(4), claims.begun]).toEqual([true, 4]);
  expect(claims.revoke(4)).toBe(4);
});

test("numbers are told apart up to the last there is", () => {
  const claims = new Claims(Claims.word());
  const last = JOB_NUMBERS - 1;
  expect(claims.begin(last - 1)).toBe(true);
  expect(claims.revoke(last)).toBe(last - 1);
  expect([claims.begin(last), claims.begun]).toEqual([false, last - 1]);
});

/** Jobs that the two sides contend for. */
const JOBS = 50_000;

test("of two threads that contend for jobs, exactly one gets each", async () => {
  const word = Claims.word();
  const claims = new Claims(word);
  const begun = new Uint8Array(new SharedArrayBuffer(JOBS + 1));
  const given = new Int32Array(new SharedArrayBuffer(4));
  const body = `
    import { parentPort, workerData } from "node:worker_threads";
    const { Claims } = await import(workerData.file);
    const claims = new Claims(workerData.word);
    parentPort.postMessage("ready");
    for (let job = 1; job < workerData.begun.length; job++) {
      while (Atomics.load(workerData.given, 0) < job);
      if (claims.begin(job)) workerData.begun[job] = 1;
    }`;
  const file = new URL("../src/claims.ts", import.meta.url).href;
  const source = new URL(`data:text/javascript,${encodeURIComponent(body)}`);
  const worker = new Worker(source, { workerData: { word, begun, given, file } });
  // Or its fault, before this thread waits for it and hears nothing.
  await once(worker, "message");
  const ended = once(worker, "exit");
  const takenBack = new Uint8Array(JOBS + 1);
  // Each look takes back what the worker has not begun, of the few that it has been given since the last one.
  for (let last = 0; last < JOBS; ) {
    const first = last + 1;
    last = Math.min(JOBS, last + 1 + (last % 7));
    Atomics.store(given, 0, last);
    // The first of all, so that it gets one; then for as long as it mostly takes, since another core may be busy.
    for (let spins = 0; claims.begun < first && (first === 1 || spins < 1_000); spins++);
    const at = claims.revoke(last);
    for (let job = Math.max(first, at + 1); job <= last; job++) takenBack[job] = 1;
  }
  expect(await ended).toEqual([0]);
  const ways = { neither: 0, worker: 0, pool: 0, both: 0 };
  for (let job = 1; job <= JOBS; job++) {
    if (begun[job] === 1) ways[takenBack[job] === 1 ? "both" : "worker"] += 1;
    else ways[takenBack[job] === 1 ? "pool" : "neither"] += 1;
  }
  expect(ways).toMatchObject({ neither: 0, both: 0 });
  expect(ways.worker).toBeGreaterThan(0);
  expect(ways.pool).toBeGreaterThan(0);
});
