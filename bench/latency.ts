import { setTimeout as sleep } from "node:timers/promises";
import { ConfigMapWatch } from "./config-map-watch.ts";
import { startConverged } from "./converged.ts";
import type { Ground } from "./ground.ts";
import { cpuSeconds } from "./process-usage.ts";
import { percentile } from "./statistics.ts";
import { podName, setTeam, TEAM_KEY } from "./workload.ts";

/** Milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface LatencyResult {
  readonly perSecond: number;
  /** Changes that were measured. */
  readonly changes: number;
  /** Changes that were refused, or whose ConfigMap did not change within the time: in none of the percentiles. */
  readonly missing: number;
  /** From the answer to the change of the Pod until our own watch tells of the ConfigMap. */
  readonly fromAnswer: Percentiles;
  /** The same from the moment the change was sent: what the API server takes for it is in it. */
  readonly fromSend: Percentiles;
  /** The manager's share of one core meanwhile. */
  readonly managerCpu: number;
}

export interface LatencyOptions {
  readonly perSecond: number;
  readonly seconds: number;
}

/** One change of a Pod; times of `performance.now()`. */
interface Change {
  readonly sent: number;
  answered?: number;
  seen?: number;
}

/** Seconds of changes before the measurement: the manager has just started, and V8 has yet to compile. */
const WARM_UP = 5;
/** How long the last changes are waited for. Milliseconds. */
const PATIENCE = 10_000;

/**
 * Changes an annotation of Pods, at a fixed pace whatever the answers do, and takes the time until the ConfigMaps say
 * so. All times are of one process.
 */
export const measureLatency = async (ground: Ground, options: LatencyOptions): Promise<LatencyResult> => {
  const { perSecond, seconds } = options;
  await using manager = await startConverged(ground);
  const changes = new Map<string, Change>();
  await using _watch = await ConfigMapWatch.open(ground.cluster, ({ data }) => {
    const change = changes.get(data?.[TEAM_KEY] ?? "");
    if (change !== undefined) change.seen ??= performance.now();
  });
  const change = changer(ground, changes);
  await paced(perSecond, WARM_UP, change);
  await settled(changes);
  changes.clear();
  const before = { at: performance.now(), cpu: cpuSeconds(manager.pid) };
  await paced(perSecond, seconds, change);
  const managerCpu = ((cpuSeconds(manager.pid) - before.cpu) * 1_000) / (performance.now() - before.at);
  await settled(changes);
  return { perSecond, managerCpu, ...summary([...changes.values()]) };
};

const summary = (changes: readonly Change[]) => {
  const done = changes.filter(isDone);
  return {
    changes: changes.length,
    missing: changes.length - done.length,
    fromAnswer: percentilesOf(done.map(({ answered, seen }) => seen - answered)),
    fromSend: percentilesOf(done.map(({ sent, seen }) => seen - sent)),
  };
};

const isDone = (change: Change): change is Required<Change> =>
  change.answered !== undefined && change.seen !== undefined;

const percentilesOf = (values: readonly number[]): Percentiles => ({
  p50: percentile(values, 0.5),
  p90: percentile(values, 0.9),
  p99: percentile(values, 0.99),
  max: percentile(values, 1),
});

/** Changes one Pod after the other in random order; the same again only when all others had their turn. */
const changer = ({ cluster, pods }: Ground, changes: Map<string, Change>) => {
  const order = shuffled(Array.from({ length: pods }, (_, i) => podName(i)));
  let turn = 0;
  return async (): Promise<void> => {
    const value = `team-${process.hrtime.bigint()}`;
    const pod = order[turn++ % order.length] ?? "";
    const change: Change = { sent: performance.now() };
    changes.set(value, change);
    await setTeam(cluster, pod, value);
    change.answered = performance.now();
  };
};

/** Calls `work` at a fixed pace; resolves when the last call was made. What fails stays without an answer. */
const paced = async (perSecond: number, seconds: number, work: () => Promise<void>): Promise<void> => {
  const started = performance.now();
  for (let i = 0; i < perSecond * seconds; i++) {
    const wait = started + (i * 1_000) / perSecond - performance.now();
    if (wait > 0) await sleep(wait);
    void work().catch(() => {});
  }
};

const settled = async (changes: ReadonlyMap<string, Change>): Promise<void> => {
  const deadline = performance.now() + PATIENCE;
  while (!changes.values().every(isDone) && performance.now() < deadline) await sleep(50);
};

const shuffled = <T>(values: readonly T[]): T[] =>
  values
    .map((value) => ({ value, place: Math.random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value);
