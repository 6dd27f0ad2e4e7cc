import { lstatSync, mkdirSync, readlinkSync, rmdirSync, statSync, symlinkSync } from "node:fs";
import { codeOf } from "./error-code.ts";
import { unpin } from "./pin-dir.ts";
import { processStart } from "./process-start.ts";
import { EbpfUnavailable } from "./unavailable.ts";

/**
 * A pin directory has one agent at a time: two would give the same slots to different Pods.
 *
 * The owner is a symbolic link on the bpffs itself, since that is the one folder that all agents of a node share; making it
 * is one atomic step. It names the owner's process by PID namespace, number and start, so that an owner that was killed is
 * known to be gone (and a bpffs does not outlive a reboot). It takes the node's PID namespace (`hostPID`) to tell.
 */
const OWNER = "owner";

/** Held for the instant in which a dead owner's place is taken, so that of two who see it dead one wins. */
const GUARD = "owner-change";
/** Milliseconds after which a guard is a dead process' own. The work under it is four system calls. */
const GUARD_AGE = 10_000;

interface Owner {
  readonly namespace: string;
  readonly pid: number;
  readonly start: number;
}

const pidNamespace = (): string => readlinkSync("/proc/self/ns/pid").replaceAll(/[^0-9]/g, "");

const ourselves = (): Owner => ({ namespace: pidNamespace(), pid: process.pid, start: processStart(process.pid) ?? 0 });

const textOf = ({ namespace, pid, start }: Owner): string => `${namespace}:${pid}:${start}`;

const parse = (text: string): Owner | undefined => {
  const [, namespace, pid, start] = /^(\d+):(\d+):(\d+)$/.exec(text) ?? [];
  return namespace === undefined ? undefined : { namespace, pid: Number(pid), start: Number(start) };
};

const readOwner = (path: string): string | undefined => {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
};

type Life = "alive" | "dead" | "unknown";

const lifeOf = (text: string): Life => {
  const owner = parse(text);
  if (owner === undefined) return "dead";
  if (owner.namespace !== pidNamespace()) return "unknown";
  return processStart(owner.pid) === owner.start ? "alive" : "dead";
};

const inUse = (path: string, life: Life): EbpfUnavailable => {
  const owner = `${path}/${OWNER}`;
  const message =
    life === "alive"
      ? `Another agent (process ${readOwner(owner)?.split(":")[1] ?? "that ended meanwhile"}) works on ${path}. Run one agent a node, or give this one a BPF_PIN_DIR of its own.`
      : `${path} belongs to a process of another PID namespace, which cannot be seen from here. Run the agent with hostPID; if no other agent runs on this node, remove ${owner}.`;
  return new EbpfUnavailable({ reason: "PinDirInUse", message });
};

/** A pin directory that is this process' own. */
export interface PinLock extends Disposable {
  /** Whether it still is: the bpffs can be unmounted, or the folder removed, whoever has it. */
  readonly isHeld: boolean;
}

/**
 * Takes the pin directory for this process until it is disposed of or the process ends.
 *
 * @throws EbpfUnavailable while another process has it.
 */
export const takePinDir = (path: string): PinLock => {
  const owner = `${path}/${OWNER}`;
  const mine = textOf(ourselves());
  if (!claim(owner, mine)) {
    const text = readOwner(owner);
    // One that has gone meanwhile is as good as one that is dead: its place is free.
    const life = text === undefined ? "dead" : lifeOf(text);
    if (life !== "dead" || !replaceDead(path, mine)) throw inUse(path, life === "unknown" ? "unknown" : "alive");
  }
  const taken = identityOf(owner);
  // Under the same path there can be another link by now, of the same text: this process has taken the directory anew.
  const isHeld = () => identityOf(owner) === taken && readOwner(owner) === mine;
  return {
    get isHeld() {
      return isHeld();
    },
    [Symbol.dispose]: () => {
      if (isHeld()) unpin(owner);
    },
  };
};

/** Which link it is, of those that have been there. */
const identityOf = (path: string): string | undefined => {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats && `${stats.dev}:${stats.ino}`;
};

const claim = (owner: string, mine: string): boolean => {
  try {
    symlinkSync(mine, owner);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
};

/** Whether we took the place of an owner that is dead; not if another did in the same moment. */
const replaceDead = (path: string, mine: string): boolean => {
  const guard = `${path}/${GUARD}`;
  if (!enterGuard(guard)) return false;
  try {
    const owner = `${path}/${OWNER}`;
    // Read again: before the guard was ours somebody else may have been through.
    const dead = readOwner(owner);
    if (dead !== undefined && !removeDead(owner, dead)) return false;
    return claim(owner, mine);
  } finally {
    removeGuard(guard);
  }
};

/** Whether it was dead, and is gone. Who made a claim since then keeps it. */
const removeDead = (owner: string, text: string): boolean => {
  if (lifeOf(text) !== "dead" || readOwner(owner) !== text) return false;
  unpin(owner);
  return true;
};

const removeGuard = (guard: string): void => {
  try {
    rmdirSync(guard);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
};

const enterGuard = (guard: string): boolean => {
  try {
    mkdirSync(guard, { mode: 0o700 });
    return true;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  if (Date.now() - (statSync(guard, { throwIfNoEntry: false })?.ctimeMs ?? 0) > GUARD_AGE) removeGuard(guard);
  return false;
};

/** Removes the guard that a process left that was killed; for who has the directory, and removes it. */
export const removeLeftGuard = (path: string): void => removeGuard(`${path}/${GUARD}`);
