import { setTimeout as sleep } from "node:timers/promises";
import { startConverged } from "./converged.ts";
import { emptied, type Ground } from "./ground.ts";
import { cpuSeconds, memory } from "./process-usage.ts";
import { countWrites } from "./writes.ts";

/** A manager that has made all ConfigMaps and has nothing to do. */
export interface IdleResult {
  readonly seconds: number;
  /** Share of one core. */
  readonly cpu: number;
  /** Answered by the API server meanwhile; the Lease not counted. */
  readonly writes: number;
  /** Megabytes at the end, and at the most since the start of the process: convergence included. */
  readonly rss: number;
  readonly peakRss: number;
}

/** Lets a manager converge from nothing, waits until it is idle, and looks on for some seconds. */
export const measureIdle = async (ground: Ground, { seconds }: { readonly seconds: number }): Promise<IdleResult> => {
  await emptied(ground);
  await using manager = await startConverged(ground);
  const writes = await countWrites(ground.cluster);
  const started = performance.now();
  const cpu = cpuSeconds(manager.pid);
  await sleep(seconds * 1_000);
  const used = cpuSeconds(manager.pid) - cpu;
  const passed = (performance.now() - started) / 1_000;
  const { now: rss, peak: peakRss } = memory(manager.pid);
  return { seconds: passed, cpu: used / passed, writes: (await countWrites(ground.cluster)) - writes, rss, peakRss };
};
