/*
 * The thread in which templates run. It owns one instance; when that breaks, it says by which template, and is replaced.
 */
import { parentPort, workerData } from "node:worker_threads";
import { breakage } from "./breakage.ts";
import { Claims } from "./claims.ts";
import { Instance } from "./instance.ts";
import { type Answer, type Fault, type Job, State, type WorkerMessage, type WorkerSettings } from "./protocol.ts";
import type { Reads } from "./reads.ts";

const { module, state, claims: word, softLimit } = workerData as WorkerSettings;
const claims = new Claims(word);
const port = parentPort;
if (!port) throw new Error("this file is the body of a worker");

const instance = new Instance(module, {
  softLimit,
  mark: (line, column) => {
    state[State.line] = line;
    state[State.column] = column;
  },
});

/** Says which template it is at. */
const at = (index: number): void => {
  state[State.line] = 1;
  state[State.column] = 1;
  state[State.index] = index;
};

const compile = ({ program, sources = [], zeroMissing }: Job): (Reads | Fault | undefined)[] => {
  instance.forget(program);
  return sources.map((source, index) => {
    at(index);
    if (source === undefined) {
      instance.skip(program);
      return undefined;
    }
    const { ok, text } = instance.compile(program, source, zeroMissing);
    return ok ? readsOf(text) : (JSON.parse(text) as Fault);
  });
};

const readsOf = (text: string): Reads => {
  const { whole, paths } = JSON.parse(text) as { whole: boolean; paths: string[][] };
  return whole ? { kind: "whole" } : { kind: "paths", paths };
};

/** Milliseconds that a job takes before what is done of it is sent ahead. Most take a tenth of one. */
const LONG = 5;

/** Renders into `rendered`, so that what is done remains when the next one breaks the instance. */
const render = (job: Job, rendered: (string | Fault)[]): Answer["unusable"] => {
  if (!job.render) return undefined;
  const { data, indices, maxOutput } = job.render;
  at(-1);
  const loaded = instance.load(data);
  if (!loaded.ok) return JSON.parse(loaded.text);
  let room = maxOutput;
  let sentAt = performance.now();
  for (const index of indices) {
    if (performance.now() - sentAt > LONG) {
      send({ kind: "part", rendered: rendered.splice(0) });
      sentAt = performance.now();
    }
    at(index);
    const { ok, text, bytes } = instance.render(job.program, index, room);
    rendered.push(ok ? text : (JSON.parse(text) as Fault));
    if (ok) room -= bytes;
  }
  instance.unload();
  return undefined;
};

const answer = (job: Job): Answer => {
  const rendered: (string | Fault)[] = [];
  let compiled: Answer["compiled"] = [];
  let unusable: Answer["unusable"];
  let broken: Answer["broken"];
  try {
    for (const program of job.forget) instance.forget(program);
    if (job.sources) compiled = compile(job);
    unusable = render(job, rendered);
  } catch (error) {
    const [index = 0, line = 1, column = 1] = state;
    broken = { index, fault: { line, column, ...breakage(error, instance.said) } };
  }
  return { compiled, rendered, unusable, broken, memory: instance.memory };
};

const send = (message: WorkerMessage): void => port.postMessage(message);

port.on("message", (job: Job) => {
  if (claims.begin(job.number)) send({ kind: "answer", answer: answer(job) });
});
send({ kind: "ready" });
