import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { logToStderr, resolveAssets } from "./assets.ts";
import { bringUp, checkGround } from "./cluster.ts";
import { adminKubeconfig } from "./control-plane.ts";
import { connectKeeper, spawnStayingKeeper } from "./keeper-client.ts";
import { binariesOf, type ClusterOptions, planCluster } from "./options.ts";
import type { Pids } from "./protocol.ts";
import { createNamedState, discardState, namedState, stateRoot, sweepStates } from "./state.ts";

/** A cluster that stays until it is taken down, and is found by its name. */
export interface NamedCluster {
  readonly name: string;
  readonly kubeconfig: string;
  /** Pids by component. */
  readonly pids: Pids;
  /** False while it starts, and when its start was cut off. */
  readonly complete: boolean;
}

/** Written last. */
const COMPLETE = "complete";

/** Starts a cluster that stays. One of that name that is up already is given back as it is, with `started: false`. */
export const up = async (name: string, options: ClusterOptions): Promise<NamedCluster & { started: boolean }> => {
  checkName(name);
  const plan = planCluster(options);
  checkGround(plan);
  const root = stateRoot(plan.stateDir);
  await sweepStates(root);
  const there = await find(name, options.stateDir);
  if (there) return { ...there, started: false };
  const binaries = await resolveAssets(binariesOf(plan), { ...plan, log: plan.log ?? logToStderr });
  const state = await createNamedState(root, name).catch(() => {
    throw new Error(`${name} is being started or ended by another command`);
  });
  const keeper = await spawnStayingKeeper(state, plan.signal);
  const cluster = await bringUp({ plan, binaries, state, keeper });
  await writeFile(join(state, COMPLETE), "");
  const pids = await cluster.pids();
  await cluster.client.close();
  keeper.disconnect();
  return { name, kubeconfig: cluster.kubeconfig, pids, complete: true, started: true };
};

/** Ends a cluster. False when there was none of that name. */
export const down = async (name: string, stateDir?: string): Promise<boolean> => {
  checkName(name);
  const state = namedState(stateRoot(stateDir), name);
  if (!existsSync(state)) return false;
  const keeper = await connectKeeper(state);
  if (keeper) await keeper.stop();
  else await discardState(state);
  return true;
};

/** The cluster of that name, if it is up. */
export const find = async (name: string, stateDir?: string): Promise<NamedCluster | undefined> => {
  checkName(name);
  const state = namedState(stateRoot(stateDir), name);
  const keeper = await connectKeeper(state);
  if (!keeper) return undefined;
  const pids = await keeper.pids();
  keeper.disconnect();
  return { name, kubeconfig: adminKubeconfig(state), pids, complete: existsSync(join(state, COMPLETE)) };
};

/** All that are up. */
export const list = async (stateDir?: string): Promise<NamedCluster[]> => {
  const names = (await readdir(stateRoot(stateDir))).filter((entry) => entry.startsWith("up-"));
  const found = await Promise.all(names.map((entry) => find(entry.slice("up-".length), stateDir)));
  return found.filter((cluster) => cluster !== undefined);
};

/** The name becomes a folder, and the path of a socket must stay below 104 bytes. */
const checkName = (name: string): void => {
  if (!/^[a-z0-9][a-z0-9-]{0,19}$/.test(name)) {
    throw new Error(`a cluster's name is up to 20 lower case letters, digits and dashes, not "${name}"`);
  }
};
