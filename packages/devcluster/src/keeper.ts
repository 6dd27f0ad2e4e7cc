/**
 * The keeper: one process per cluster that runs the components and ends them, whatever happens to who asked for it.
 *
 * Arguments: the state folder and how long to live:
 * - `lifeline`: standard input is a pipe from the owner, and requests arrive on it. When it closes, because the owner
 *   stopped, crashed or was killed, everything ends.
 * - `stay`: requests arrive on the socket `keeper.sock` in the state folder, until one says stop.
 */
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { identify } from "./process-identity.ts";
import { type KeeperMessage, type KeeperRequest, readMessages, writeMessage } from "./protocol.ts";
import { removeNode } from "./real-node/leftovers.ts";
import { Supervisor } from "./supervisor.ts";

const [folder, life] = process.argv.slice(2);
if (!folder || (life !== "lifeline" && life !== "stay")) throw new Error("usage: keeper.ts FOLDER lifeline|stay");

const listeners = new Set<Writable>();
const supervisor = new Supervisor(folder, (exit) => {
  for (const output of listeners) writeMessage(output, { kind: "exit", exit });
});

let stopping: Promise<void> | undefined;
const stop = () => {
  stopping ??= end();
  return stopping;
};

const end = async () => {
  await supervisor.stop();
  const self = identify(process.pid);
  // What is left then is marked as ours, and the next start sweeps it.
  if (self) await removeNode(self).catch(console.error);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
};

/** Never rejects: an error that came back here as uncaught would have it called without end. */
const stopAndExit = async () => {
  try {
    await stop();
  } catch (error) {
    // A later start sweeps what is left, once this process is gone.
    console.error(error);
    process.exitCode = 1;
  } finally {
    process.exit();
  }
};

const answer = async (request: KeeperRequest): Promise<KeeperMessage> => {
  try {
    if (request.op === "start") await supervisor.start(request.process);
    if (request.op === "signal") supervisor.signal(request.name, request.signal);
    if (request.op === "stop") await stop();
    return { kind: "reply", id: request.id, pids: supervisor.pids() };
  } catch (error) {
    return { kind: "failure", id: request.id, message: error instanceof Error ? error.message : String(error) };
  }
};

const serve = (input: Readable, output: Writable) => {
  listeners.add(output);
  output.on("error", () => listeners.delete(output));
  input.on("close", () => listeners.delete(output));
  readMessages<KeeperRequest>(input, async (request) => {
    writeMessage(output, await answer(request));
    // The reply is out, or nobody reads it: either way, there is nothing left to keep.
    if (request.op === "stop") output.end(() => process.exit());
  });
};

// The terminal's Ctrl-C is for the owner, who decides.
process.on("SIGINT", () => {});
process.on("SIGHUP", () => {});
process.on("SIGTERM", stopAndExit);
process.on("uncaughtException", (error) => {
  console.error(error);
  void stopAndExit();
});

if (life === "stay") {
  createServer((socket) => serve(socket, socket)).listen(join(folder, "keeper.sock"));
} else {
  process.stdin.on("end", stopAndExit);
  process.stdin.on("error", stopAndExit);
  serve(process.stdin, process.stdout);
}
