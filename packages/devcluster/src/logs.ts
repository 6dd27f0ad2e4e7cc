import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";

/** How much of a log is shown. Bytes. */
const SHOWN = 2000;

/** The log of a component. */
export const logFile = (state: string, component: string): string => join(state, `${component}.log`);

/** The end of a component's log: why it ended, or does not get ready, is in its last lines. */
export const endOfLog = (state: string, component: string): string => {
  const file = logFile(state, component);
  try {
    return tail(file) || `${file} is empty`;
  } catch {
    return `there is no ${file}`;
  }
};

const tail = (file: string): string => {
  const fd = openSync(file, "r");
  try {
    const { size } = fstatSync(fd);
    const buffer = Buffer.alloc(Math.min(size, SHOWN));
    readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString("utf8").trim();
  } finally {
    closeSync(fd);
  }
};
