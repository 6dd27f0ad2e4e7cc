import { readFileSync } from "node:fs";

/** Linux's unit of process times, USER_HZ; fixed at 100 for user space. */
const TICKS_PER_SECOND = 100;

/** CPU seconds that a process has used so far, children not counted. Linux only (proc(5), /proc/pid/stat). */
export const cpuSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The command's name may hold spaces and brackets: fields are counted after its last ')'.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
};

/** Memory of a process in MB: now, and the highest so far (proc(5), VmRSS and VmHWM). */
export const memory = (pid: number): { readonly now: number; readonly peak: number } => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kilobytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
  return { now: kilobytes("VmRSS") / 1_024, peak: kilobytes("VmHWM") / 1_024 };
};
