import { startConverged, untilIdle } from "./converged.ts";
import type { Ground } from "./ground.ts";
import { startManager } from "./managed.ts";
import { memory } from "./process-usage.ts";
import { quietServer } from "./server-usage.ts";
import { countWrites } from "./writes.ts";

/** One start on a converged cluster. Seconds from the start of the process, megabytes. */
export interface Restart {
  readonly readySeconds: number;
  /** Until the first second in which it used less than 3 % of a core. */
  readonly idleSeconds: number;
  /** Answered by the API server until then; the Lease not counted. */
  readonly writes: number;
  readonly rss: number;
  readonly peakRss: number;
}

/** Starts the manager again and again on a cluster where everything is as it should be. */
export const measureRestart = async (ground: Ground, { rounds }: { readonly rounds: number }): Promise<Restart[]> => {
  const first = await startConverged(ground);
  await first.stop();
  const restarts: Restart[] = [];
  for (let round = 0; round < rounds; round++) restarts.push(await restart(ground));
  return restarts;
};

const restart = async (ground: Ground): Promise<Restart> => {
  await quietServer(ground.cluster);
  const before = await countWrites(ground.cluster);
  const started = performance.now();
  await using manager = await startManager(ground);
  const seconds = (at: number) => (at - started) / 1_000;
  const readySeconds = seconds(await manager.ready());
  const idleSeconds = seconds(await untilIdle(manager));
  const { now: rss, peak: peakRss } = memory(manager.pid);
  return { readySeconds, idleSeconds, writes: (await countWrites(ground.cluster)) - before, rss, peakRss };
};
