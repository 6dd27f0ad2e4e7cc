import { identify, type ProcessIdentity } from "../process-identity.ts";
import { cgroupOwners, removeCgroups } from "./cgroups.ts";
import { restoreCgroups } from "./controllers.ts";
import { removeLink } from "./link.ts";

/** Whether real nodes are possible here at all. */
const isPossible = (): boolean => process.platform === "linux" && process.getuid?.() === 0;

/**
 * What belongs to a node outside its namespaces carries the name of its keeper: the pid and when that process began.
 * So it can be told from the name alone whether the owner still lives, without any file that might be lost.
 */
export const ownerName = ({ pid, start }: ProcessIdentity): string =>
  `${pid}-${start.slice(start.lastIndexOf("/") + 1)}`;

/** Whether the process that a name stands for still runs. */
export const isAliveOwner = (owner: string): boolean => {
  const identity = identify(Number.parseInt(owner, 10));
  return identity !== undefined && ownerName(identity) === owner;
};

/** Removes what a keeper's node left behind: its processes, its cgroups and its link. Nothing when it had none. */
export const removeNode = async (keeper: ProcessIdentity): Promise<void> => {
  const owner = ownerName(keeper);
  if (isPossible() && cgroupOwners().includes(owner)) await removeOwned(owner);
};

/** Removes what the nodes of dead keepers left behind. */
export const sweepNodes = async (): Promise<void> => {
  if (!isPossible()) return;
  const dead = cgroupOwners().filter((owner) => /^\d+-\d+$/.test(owner) && !isAliveOwner(owner));
  // What cannot be removed now is left to the next start: it must not keep this one from starting.
  await Promise.allSettled(dead.map(removeOwned));
  restoreCgroups();
};

/** The cgroups last: they are how a later sweep finds the rest. */
const removeOwned = async (owner: string): Promise<void> => {
  await removeLink(owner);
  await removeCgroups(owner);
  restoreCgroups();
};
