/*
 * What templates cost: rate and latency through a worker, start, memory, and how long the event loop waits while hostile
 * templates run.
 *
 *   node bench/templates.ts [--json] [--hostile 1000]
 *
 * The start is that of processes of its own, since an engine starts cold once in a process.
 */
import { execFileSync } from "node:child_process";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createEngine, type JsonValue, jsonText, type Template, TemplateError } from "@pcmc/gotemplate";
import { hostile } from "../packages/gotemplate/test/hostile.ts";
import { machine } from "./machine.ts";
import { median, percentile } from "./statistics.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    hostile: { type: "string", default: "1000" },
    start: { type: "boolean", default: false },
  },
});

const SMALL = 'name: {{ .metadata.name | upper }}\napp: {{ index .metadata.labels "app" | default "none" }}\n';
const DATA: JsonValue = {
  metadata: { name: "web-0", namespace: "shop", labels: { app: "web", tier: "front" } },
  spec: { nodeName: "node-1", containers: [{ name: "main", image: "registry.local/web:1.2.3" }] },
  status: { phase: "Running", podIP: "10.0.0.7" },
};

const MB = 1e6;

/** A figure beside what it must be. */
interface Verdict {
  readonly what: string;
  readonly figure: string;
  readonly target: string;
  readonly holds: boolean;
}

const note = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** In a process of its own: milliseconds from nothing to the first output, and MB of memory that came with it. */
const measureStart = async (): Promise<void> => {
  const before = process.memoryUsage().rss;
  const started = performance.now();
  const engine = createEngine();
  const template = await engine.compile(SMALL);
  await template.render(DATA);
  const milliseconds = performance.now() - started;
  const cold = (process.memoryUsage().rss - before) / MB;
  // As much as makes V8 compile what is used often, and Go collect its garbage some times.
  for (let i = 0; i < 20_000; i++) await template.render(DATA);
  await sleep(200);
  const warm = (process.memoryUsage().rss - before) / MB;
  await engine.close();
  console.log(JSON.stringify({ milliseconds, cold, warm }));
};

/** As `bin/pcmc` runs the manager. */
const FLAGS = [
  "--max-semi-space-size=4",
  "--heap-growing-percent=60",
  "--no-parallel-scavenge",
  "--v8-pool-size=1",
] as const;
const ENVIRONMENT = { MALLOC_ARENA_MAX: "1", MALLOC_TRIM_THRESHOLD_: "65536", MALLOC_MMAP_THRESHOLD_: "32768" };

const startInOwnProcess = (flags: readonly string[], env: NodeJS.ProcessEnv): Start =>
  JSON.parse(
    execFileSync(process.execPath, [...flags, import.meta.filename, "--start"], {
      encoding: "utf8",
      env: { ...process.env, ...env },
    }),
  );

interface Start {
  readonly milliseconds: number;
  readonly cold: number;
  readonly warm: number;
}

/** Renders a second from so many callers at once, and the milliseconds of each render. */
const measureRate = async (template: Template, callers: number, count: number) => {
  const times: number[] = [];
  let left = count;
  const started = performance.now();
  const call = async (): Promise<void> => {
    while (left-- > 0) {
      const begun = performance.now();
      await template.render(DATA);
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return { perSecond: count / ((performance.now() - started) / 1_000), times };
};

/** Bytes of memory when workers that were replaced are gone, and one has worked again. */
const settledMemory = async (template: Template): Promise<number> => {
  await template.render(DATA);
  await sleep(1_000);
  return process.memoryUsage().rss;
};

/** What hostile templates do to the others in the process. */
const measureHostile = async (count: number) => {
  const engine = createEngine();
  const innocent = await engine.compile(SMALL);
  await innocent.render(DATA);
  const attack = async (source: string): Promise<void> => {
    try {
      const template = await engine.compile(source, { deadline: 100 });
      await template.render(jsonText('{"a":"b"}'), { deadline: 100 });
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
    }
  };
  // The first round lets memory grow to where it stays.
  for (const { source } of hostile) await attack(source);
  const before = await settledMemory(innocent);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  // A wait may be another process's doing; what this thread itself works without a pause is ours.
  let longestWork = 0;
  let last = process.threadCpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.threadCpuUsage(last);
    last = process.threadCpuUsage();
    longestWork = Math.max(longestWork, (user + system) / 1_000);
  }, 1);
  const started = performance.now();
  for (let i = 0; i < count; i++) await attack(hostile[i % hostile.length]?.source ?? "");
  const seconds = (performance.now() - started) / 1_000;
  delay.disable();
  clearInterval(timer);
  // The engine is still there, as before.
  const after = await settledMemory(innocent);
  await engine.close();
  return {
    count,
    seconds,
    longestBlock: delay.max / MB,
    longestWork,
    p99Block: delay.percentile(99) / MB,
    grown: (after - before) / MB,
  };
};

const measure = async () => {
  note("start, in 14 processes");
  const starts = Array.from({ length: 7 }, () => startInOwnProcess(FLAGS, ENVIRONMENT));
  const plainStarts = Array.from({ length: 7 }, () => startInOwnProcess([], {}));
  const engine = createEngine({ maxWorkers: 1 });
  const template = await engine.compile(SMALL);
  note("rate through one worker");
  await measureRate(template, 16, 20_000);
  const busy = await measureRate(template, 4, 50_000);
  const full = await measureRate(template, 16, 50_000);
  const alone = await measureRate(template, 1, 20_000);
  await engine.close();
  note(`${options.hostile} hostile templates`);
  const attacked = await measureHostile(Number(options.hostile));
  return {
    startMilliseconds: starts.map(({ milliseconds }) => milliseconds),
    coldMB: median(starts.map(({ cold }) => cold)),
    warmMB: median(starts.map(({ warm }) => warm)),
    plainStartMilliseconds: plainStarts.map(({ milliseconds }) => milliseconds),
    plainWarmMB: median(plainStarts.map(({ warm }) => warm)),
    full: { perSecond: full.perSecond, p50: percentile(full.times, 0.5), p99: percentile(full.times, 0.99) },
    busy: { perSecond: busy.perSecond, p50: percentile(busy.times, 0.5), p99: percentile(busy.times, 0.99) },
    alone: { p50: percentile(alone.times, 0.5), p99: percentile(alone.times, 0.99) },
    hostile: attacked,
  };
};

const verdictsOn = (result: Awaited<ReturnType<typeof measure>>): Verdict[] => {
  const below = (what: string, value: number, { limit, unit }: { limit: number; unit: string }): Verdict => ({
    what,
    figure: `${value.toPrecision(3)} ${unit}`,
    target: `< ${limit} ${unit}`,
    holds: value < limit,
  });
  return [
    {
      what: "small templates a second, one worker, 4 callers",
      figure: result.busy.perSecond.toFixed(0),
      target: ">= 5000",
      holds: result.busy.perSecond >= 5_000,
    },
    below("latency p99, 4 callers", result.busy.p99, { limit: 2, unit: "ms" }),
    below("latency p99, one caller", result.alone.p99, { limit: 2, unit: "ms" }),
    below("cold start, median", median(result.startMilliseconds), { limit: 300, unit: "ms" }),
    below("memory on top, cold", result.coldMB, { limit: 80, unit: "MB" }),
    below("memory on top, after 20,000 renders", result.warmMB, { limit: 80, unit: "MB" }),
    below("longest wait of the event loop, hostile", result.hostile.longestBlock, { limit: 50, unit: "ms" }),
    below("longest work of the main thread, hostile", result.hostile.longestWork, { limit: 50, unit: "ms" }),
    below(`memory grown by ${result.hostile.count} hostile`, result.hostile.grown, { limit: 20, unit: "MB" }),
  ];
};

if (options.start) {
  await measureStart();
} else {
  const result = await measure();
  const mustHold = verdictsOn(result);
  if (options.json) console.log(JSON.stringify({ machine: machine(), result, mustHold }));
  else {
    const { cpus, model, node } = machine();
    console.log(`\n${cpus} x ${model}, Node ${node}`);
    for (const { what, figure, target, holds } of mustHold) {
      console.log(`${what.padEnd(46)} ${figure.padStart(12)}   ${target.padEnd(10)} ${holds ? "holds" : "MISSED"}`);
    }
    const { alone, busy, full, hostile: attacked } = result;
    console.log(`p50: one caller ${alone.p50.toFixed(3)} ms, 4 callers ${busy.p50.toFixed(3)} ms`);
    console.log(
      `16 callers: ${full.perSecond.toFixed(0)} a second, p50 ${full.p50.toFixed(2)}, p99 ${full.p99.toFixed(2)} ms`,
    );
    const plain = `${median(result.plainStartMilliseconds).toFixed(0)} ms, ${result.plainWarmMB.toFixed(0)} MB`;
    console.log(`without the flags of bin/pcmc: cold start ${plain} after 20,000 renders`);
    console.log(`${attacked.count} hostile templates in ${attacked.seconds.toFixed(1)} s`);
  }
  process.exitCode = mustHold.every(({ holds }) => holds) ? 0 : 1;
}
