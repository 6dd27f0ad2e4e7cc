import { readFileSync } from "node:fs";

/**
 * When a process began, in ticks since boot (field 22 of `/proc/<pid>/stat`, proc(5)); `undefined` where there is none. With
 * the number it names a process for good: numbers come back, pairs do not.
 */
export const processStart = (pid: number): number | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the command's name in parentheses; it can hold spaces and parentheses itself.
    const after = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return Number(after[19]);
  } catch {
    return undefined;
  }
};
