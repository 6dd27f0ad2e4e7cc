import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * Names one process for good. A pid alone does not: it is handed out again, after which "is the keeper of that
 * folder alive" would be answered by a stranger, and a sweep would kill one.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** When the process began, in a form that only compares equal to itself. */
  readonly start: string;
}

/** The identity of process `pid`, or undefined when there is none. A zombie is none: nothing of it runs any more. */
export const identify = (pid: number): ProcessIdentity | undefined => {
  const start = process.platform === "linux" ? linuxStart(pid) : portableStart(pid);
  return start === undefined ? undefined : { pid, start };
};

/** Whether the very process that was identified is still there. */
export const isAlive = (identity: ProcessIdentity): boolean => identify(identity.pid)?.start === identity.start;

/** Sends SIGKILL to that very process. Nothing happens when it is gone. */
export const killIdentified = (identity: ProcessIdentity): void => {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, "SIGKILL");
  } catch {
    // It ended between the two lines.
  }
};

const linuxStart = (pid: number): string | undefined => {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The second field is the command in parentheses and may itself hold blanks and parentheses: count after the last.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, ticks] = [fields[0], fields[19]];
  if (state === "Z" || state === "X" || ticks === undefined) return undefined;
  return `${bootId()}/${ticks}`;
};

/** Ticks count from boot, and the temporary folder may outlive one. */
const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

const portableStart = (pid: number): string | undefined => {
  try {
    const out = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    return out === "" || out.startsWith("Z") ? undefined : out.slice(out.indexOf(" ") + 1).trim();
  } catch {
    return undefined;
  }
};
