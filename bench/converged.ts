import { setTimeout as sleep } from "node:timers/promises";
import { type Arrival, arrival } from "./arrival.ts";
import { countConfigMaps, type Ground } from "./ground.ts";
import { type Manager, startManager } from "./managed.ts";
import { cpuSeconds } from "./process-usage.ts";

/** Waits for the last ConfigMap. `started` is when the manager's process was (`performance.now()`). */
export const allConfigMaps = (ground: Ground, manager: Manager, started: number): Promise<Arrival> =>
  arrival({
    wanted: ground.pods,
    started,
    count: () => {
      manager.throwIfEnded();
      return countConfigMaps(ground);
    },
  });

/** Starts a manager and resolves when all ConfigMaps are there and it has nothing left to do. */
export const startConverged = async (ground: Ground): Promise<Manager> => {
  const started = performance.now();
  const manager = await startManager(ground);
  try {
    await allConfigMaps(ground, manager, started);
    await untilIdle(manager);
    return manager;
  } catch (error) {
    await manager.stop();
    throw error;
  }
};

/** Idle is who used less than 3 % of a core for a whole second. Milliseconds. */
const CALM = 1_000;
const CALM_CPU_SECONDS = 0.03;
const SAMPLING = 50;
const TIMEOUT = 120_000;

/** Resolves with when the first idle second of a process began (`performance.now()`). */
export const untilIdle = async (manager: Manager): Promise<number> => {
  const deadline = performance.now() + TIMEOUT;
  const samples: { readonly at: number; readonly cpu: number }[] = [];
  while (performance.now() < deadline) {
    manager.throwIfEnded();
    const now = { at: performance.now(), cpu: cpuSeconds(manager.pid) };
    samples.push(now);
    // Those from which on it was busy, or which are no second old yet, are decided later or never.
    while (samples[0] !== undefined && now.at - samples[0].at >= CALM) {
      if (now.cpu - samples[0].cpu <= CALM_CPU_SECONDS) return samples[0].at;
      samples.shift();
    }
    await sleep(SAMPLING);
  }
  throw new Error(`the manager is still busy after ${TIMEOUT / 1_000} s`);
};
