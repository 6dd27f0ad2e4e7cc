/*
 * What admission does: how fast the product's webhooks answer, or the server with any other handler, what a rotation of
 * certificates costs, and whether junk breaks it.
 *
 *   node bench/admission.ts validation [--rate 200] [--seconds 20] [--json]
 *   node bench/admission.ts injection [--rate 100] [--seconds 20] [--json]
 *   node bench/admission.ts latency [--handler FILE] [--rate 200] [--seconds 20] [--json]
 *   node bench/admission.ts rotation [--steps 9] [--json]
 *   node bench/admission.ts fuzz [--count 100000] [--seed 1] [--json]
 *
 * `validation` and `injection` measure the manager as users run it. FILE exports `handler`, and may export `reviews`, the bodies to send, each
 * a string; without it, reviews of a ConfigMap are allowed after their JSON has been read.
 */
import { once } from "node:events";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { type MessagePort, parentPort, Worker, workerData } from "node:worker_threads";
import { startCluster } from "@pcmc/devcluster";
import type { AdmissionHandler } from "../packages/controller-runtime/src/webhook/admission-endpoint.ts";
import { allow } from "../packages/controller-runtime/src/webhook/admission-result.ts";
import { fuzz } from "../packages/controller-runtime/test/webhook/fuzz.ts";
import { review, startServer } from "../packages/controller-runtime/test/webhook/rig.ts";
import { rotateUnderLoad } from "../packages/controller-runtime/test/webhook/rotation-scenario.ts";
import { type InjectionLoad, measureInjection } from "./injection.ts";
import { machine } from "./machine.ts";
import { percentile } from "./statistics.ts";
import { atSteadyRate } from "./steady-rate.ts";
import { measureValidation } from "./validation.ts";

/** What the product promises for its own handler, milliseconds. */
const TARGET_P99 = 5;

const target = { "p99 target": `< ${TARGET_P99} ms` };

/** The share of answers within the target, which decides: the caller's process shares the machine, and its waiting is not ours. */
const soon = (within: number) => ({
  [`in ${TARGET_P99} ms`]: `${percent(within)} by the webhook's own clock`,
});

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

interface Plugin {
  readonly handler: AdmissionHandler;
  readonly reviews: readonly string[];
}

const load = async (file: string | undefined): Promise<Plugin> => {
  if (file === undefined) return { handler: () => allow(), reviews: [review()] };
  // The cast is the boundary: the file is chosen by whoever runs this.
  const loaded = (await import(pathToFileURL(resolve(file)).href)) as Partial<Plugin>;
  if (loaded.handler === undefined) throw new Error(`${file} exports no handler`);
  return { handler: loaded.handler, reviews: loaded.reviews ?? [review()] };
};

/** The server, in a thread of its own: what the driver does must not be counted as its time. */
const serve = async (file: string | undefined, parent: MessagePort): Promise<void> => {
  const { handler } = await load(file);
  const server = await startServer({ routes: { "/validate": { handler } } });
  parent.postMessage({ port: server.port, ca: server.ca });
  await once(parent, "message");
  await server[Symbol.asyncDispose]();
};

/** What the server's thread says when it listens. */
interface Ready {
  readonly port: number;
  readonly ca: string;
}

const ready = (worker: Worker): Promise<Ready> =>
  new Promise((done, fail) => {
    worker.once("message", done);
    worker.once("error", fail);
  });

interface Rate {
  readonly handler: string | undefined;
  /** Reviews a second. */
  readonly rate: number;
  readonly seconds: number;
}

/** The server alone, with a handler. */
const measureLatency = async ({ handler, rate, seconds }: Rate) => {
  const { reviews } = await load(handler);
  const worker = new Worker(new URL(import.meta.url), { workerData: { handler } });
  const address = await ready(worker);
  const measured = await atSteadyRate({ ...address, path: "/validate?timeout=10s", reviews, rate, seconds });
  worker.postMessage("end");
  await once(worker, "exit");
  return measured;
};

const measureRotation = async (steps: number) => {
  await using cluster = await startCluster({ controllerManager: false });
  const { latencies, failures, unused, ...figures } = await rotateUnderLoad(cluster, steps);
  return {
    ...figures,
    failures: failures.length,
    firstFailure: failures[0],
    unused: unused.length,
    ...spread(latencies),
  };
};

const spread = (latencies: readonly number[]) => ({
  p50: percentile(latencies, 0.5),
  p99: percentile(latencies, 0.99),
  longest: percentile(latencies, 1),
});

const run = async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      handler: { type: "string" },
      rate: { type: "string" },
      seconds: { type: "string", default: "20" },
      steps: { type: "string", default: "9" },
      count: { type: "string", default: "100000" },
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
    },
  });
  const [part] = positionals;
  const { handler, json } = values;
  if (part === "latency") {
    const load = { rate: Number(values.rate ?? "200"), seconds: Number(values.seconds) };
    const { latencies, failures } = await measureLatency({ handler, ...load });
    const result = { ...load, sent: latencies.length, failures, ...spread(latencies), ...target };
    report(json, { part, result, holds: failures === 0 && result.p99 < TARGET_P99 });
  } else if (part === "validation") {
    const load = { rate: Number(values.rate ?? "200"), seconds: Number(values.seconds) };
    const { latencies, failures, within, floor, stolen, isApart } = await measureValidation(load);
    const cores = isApart ? "the load has one, the webhook all" : "shared";
    const machine = { "floor of that": percent(floor), "stolen CPU": percent(stolen), cores };
    const own = { ...spread(latencies), ...soon(within), ...machine };
    const result = { ...load, sent: latencies.length, failures, ...own, ...target };
    report(json, { part, result, holds: failures === 0 && within >= 0.99 });
  } else if (part === "injection") {
    const load = { rate: Number(values.rate ?? "100"), seconds: Number(values.seconds) };
    report(json, { part, ...(await injectionReport(load)) });
  } else if (part === "rotation") {
    const result = await measureRotation(Number(values.steps));
    report(json, { part, result, holds: result.failures === 0 && result.unused === 0 });
  } else if (part === "fuzz") {
    const { faults, statuses, sent } = await fuzz(Number(values.count), Number(values.seed));
    const counts = Object.entries(statuses).map(([status, count]) => [`answers ${status}`, count] as const);
    const result = { sent, ...Object.fromEntries(counts), faults: faults.length, firstFault: faults[0] };
    report(json, { part, result, holds: faults.length === 0 });
  } else {
    throw new Error("say what: validation, injection, latency, rotation or fuzz");
  }
};

/** The time of the webhook, with the way to it and by its own clock, which decides; and what creating a Pod costs whoever does it: without the webhook, with it, and with it down. */
const injectionReport = async (load: InjectionLoad): Promise<Omit<Report, "part">> => {
  const { review, within, withinPods, without, withWebhook, missed, down } = await measureInjection(load);
  const own = spread(review.latencies);
  const failures = review.failures + without.failures + withWebhook.failures + down.failures;
  const result = {
    ...load,
    sent: review.latencies.length,
    failures,
    ...own,
    ...soon(within),
    ...target,
    "create p50": without.p50,
    "create p99": without.p99,
    "injected in 5 ms": `${percent(withinPods)} by the webhook's own clock`,
    "injected p50": withWebhook.p50,
    "injected p99": withWebhook.p99,
    missed,
    "down p50": down.p50,
    "down p99": down.p99,
  };
  return { result, holds: failures === 0 && missed === 0 && within >= 0.99 };
};

interface Report {
  readonly part: string;
  readonly result: Readonly<Record<string, unknown>>;
  /** Whether the figures are as they have to be. */
  readonly holds: boolean;
}

const report = (json: boolean, { part, result, holds }: Report): void => {
  if (!holds) process.exitCode = 1;
  if (json) {
    console.log(JSON.stringify({ machine: machine(), part, result, holds }));
    return;
  }
  const { cpus, model, node } = machine();
  console.log(`${part}, ${cpus} x ${model}, Node ${node}`);
  for (const [name, value] of Object.entries(result)) {
    if (value !== undefined) console.log(`  ${name.padEnd(18)}${typeof value === "number" ? rounded(value) : value}`);
  }
  console.log(holds ? "  holds" : "  MISS");
};

const rounded = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(2));

if (parentPort === null) await run();
else await serve(workerData.handler, parentPort);
