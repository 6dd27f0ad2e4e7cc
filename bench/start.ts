import type { Ground } from "./ground.ts";
import { startManager } from "./managed.ts";
import { quietServer } from "./server-usage.ts";

/** Seconds from the start of the process to a yes of `/readyz`, one of each start. */
export interface StartResult {
  readonly readySeconds: readonly number[];
}

/** Starts the manager again and again on a cluster that has no Pod but its own. */
export const measureStart = async (ground: Ground, { starts }: { readonly starts: number }): Promise<StartResult> => {
  const readySeconds: number[] = [];
  for (let i = 0; i < starts; i++) {
    await quietServer(ground.cluster);
    const started = performance.now();
    await using manager = await startManager(ground);
    readySeconds.push(((await manager.ready()) - started) / 1_000);
  }
  return { readySeconds };
};
