import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What a process holds. */
export interface ProcessUsage {
  readonly descriptors: number;
  /** Of the descriptors. */
  readonly sockets: number;
  /** Processes that it has started and that are still there. */
  readonly children: number;
  /** Resident memory, bytes. */
  readonly rss: number;
}

/** What a process holds now; `undefined` where there is no `/proc` to tell it. */
export const usageOf = (pid: number): ProcessUsage | undefined => {
  const folder = `/proc/${pid}`;
  if (!existsSync(`${folder}/fd`)) return undefined;
  const targets = readdirSync(`${folder}/fd`).map((fd) => targetOf(`${folder}/fd/${fd}`));
  const children = readFileSync(`${folder}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`${folder}/status`, "utf8"))?.[1];
  return {
    descriptors: targets.length,
    sockets: targets.filter((target) => target.startsWith("socket:")).length,
    children: children.length,
    rss: Number(kilobytes) * 1_024,
  };
};

/** A descriptor may be closed between the listing and the look. */
const targetOf = (link: string): string => {
  try {
    return readlinkSync(link);
  } catch {
    return "";
  }
};
