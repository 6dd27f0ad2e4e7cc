/*
 * What a webhook on this machine can be at its best: an HTTPS server of Node that reads each review's JSON, hands it to a worker
 * thread as a template is handed to one, and says yes. Answers `GET /answered` with what it has counted by its own clock.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { send, servingPair } from "../packages/controller-runtime/test/webhook/rig.ts";
import type { Answered } from "./webhook-clock.ts";

/** Milliseconds, as the webhook's own bucket has it. */
const SOON = 5;

interface Listening {
  readonly port: number;
  readonly ca: string;
}

export interface Floor extends Listening, AsyncDisposable {
  /** What it has answered since its start. */
  answered(): Promise<Answered>;
}

/** Starts one in a process of its own. */
export const startFloor = async (): Promise<Floor> => {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), { execArgv: [], stdio: "inherit" });
  const [listening]: Listening[] = await once(child, "message");
  if (listening === undefined) throw new Error("the floor's server did not say where it listens");
  const { port, ca } = listening;
  return {
    port,
    ca,
    answered: async () => JSON.parse((await send(port, ca, { method: "GET", path: "/answered" })).text),
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await once(child, "exit");
    },
  };
};

const serve = async (): Promise<void> => {
  const { ca, serving } = await servingPair();
  const worker = new Worker(new URL(import.meta.url));
  const waiting: ((text: string) => void)[] = [];
  worker.on("message", (answer: string) => waiting.shift()?.(answer));
  let [all, soon] = [0, 0];
  const server = createServer({ cert: serving.cert, key: serving.key }, async (request, response) => {
    const start = performance.now();
    if (request.method === "GET") {
      response.end(JSON.stringify({ all, soon }));
      return;
    }
    const review = JSON.parse(await text(request));
    const answer = await new Promise<string>((resolve) => {
      waiting.push(resolve);
      worker.postMessage(review.request.uid);
    });
    response.end(answer);
    all += 1;
    if (performance.now() - start <= SOON) soon += 1;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  process.send?.({ port: (server.address() as AddressInfo).port, ca });
};

const allow = (uid: string): string =>
  JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid, allowed: true } });

if (!isMainThread) parentPort?.on("message", (uid: string) => parentPort?.postMessage(allow(uid)));
else if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) await serve();
