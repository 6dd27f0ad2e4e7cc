import { allConfigMaps, startConverged } from "./converged.ts";
import { countConfigMaps, emptied, type Ground } from "./ground.ts";
import { startManager } from "./managed.ts";
import { cpuSeconds, memory } from "./process-usage.ts";
import { createRaw } from "./raw.ts";
import { type ServerCpu, serverCpu, serverCpuSince } from "./server-usage.ts";
import { median } from "./statistics.ts";
import { configMapBodies } from "./workload.ts";

/** One time all ConfigMaps, from none. CPU in milliseconds a ConfigMap. */
export interface Round {
  readonly perSecond: number;
  readonly clientCpu: number;
  readonly apiServerCpu: number;
  readonly etcdCpu: number;
}

/** A round of ours, from the start of the process to the last ConfigMap. */
export interface OursRound extends Round {
  /** Megabytes of resident memory at the most. */
  readonly peakRss: number;
  /** By how much the rate may be too low, as a share of it. */
  readonly uncertainty: number;
  /** How often the server was asked for the number of ConfigMaps. */
  readonly looks: number;
}

export interface ConvergenceResult {
  /** One more than of ours: the first before, the last after them. */
  readonly raw: readonly Round[];
  readonly ours: readonly OursRound[];
  /** The median of ours by the median of raw. */
  readonly ratio: number;
  /** Each of ours by the mean of the raw ones before and after it. */
  readonly ratios: readonly number[];
}

/**
 * Convergence beside what the server takes at the most: raw, ours, raw, ours ... raw, the same objects under the same
 * names, each from the same state. What the machine does meanwhile falls on both.
 */
export const measureConvergence = async (
  ground: Ground,
  { rounds, note }: { readonly rounds: number; readonly note: (line: string) => void },
): Promise<ConvergenceResult> => {
  const bodies = await bodiesOf(ground);
  const raw: Round[] = [];
  const ours: OursRound[] = [];
  for (let round = 0; round < rounds; round++) {
    raw.push(await rawRound(ground, bodies, note));
    ours.push(await oursRound(ground, note));
  }
  raw.push(await rawRound(ground, bodies, note));
  const rate = ({ perSecond }: Round) => perSecond;
  const ratios = ours.map(
    (round, i) => (2 * round.perSecond) / raw.slice(i, i + 2).reduce((sum, r) => sum + rate(r), 0),
  );
  return { raw, ours, ratio: median(ours.map(rate)) / median(raw.map(rate)), ratios };
};

/** What the manager makes; a first convergence, not counted, unless it is there from before. */
const bodiesOf = async (ground: Ground): Promise<string[]> => {
  if ((await countConfigMaps(ground)) !== ground.pods) {
    await emptied(ground);
    await using _manager = await startConverged(ground);
  }
  return configMapBodies(ground.cluster);
};

const rawRound = async (ground: Ground, bodies: readonly string[], note: (line: string) => void): Promise<Round> => {
  await emptied(ground);
  const before = await serverCpu(ground.cluster);
  const { seconds, cpuSeconds: used } = await createRaw(ground, bodies);
  const server = await serverCpuSince(ground.cluster, before);
  const round = roundOf(ground, { seconds, used, server });
  note(`raw   ${round.perSecond.toFixed(0)}/s`);
  return round;
};

const oursRound = async (ground: Ground, note: (line: string) => void): Promise<OursRound> => {
  await emptied(ground);
  const before = await serverCpu(ground.cluster);
  const started = performance.now();
  await using manager = await startManager(ground);
  const { seconds, uncertainty, looks } = await allConfigMaps(ground, manager, started);
  const used = cpuSeconds(manager.pid);
  const server = await serverCpuSince(ground.cluster, before);
  const round = roundOf(ground, { seconds, used, server });
  note(`ours  ${round.perSecond.toFixed(0)}/s`);
  return { ...round, peakRss: memory(manager.pid).peak, uncertainty: uncertainty / seconds, looks };
};

const roundOf = ({ pods }: Ground, total: { seconds: number; used: number; server: ServerCpu }): Round => {
  const each = (seconds: number) => (seconds / pods) * 1_000;
  const { seconds, used, server } = total;
  return {
    perSecond: pods / seconds,
    clientCpu: each(used),
    apiServerCpu: each(server.apiServer),
    etcdCpu: each(server.etcd),
  };
};
