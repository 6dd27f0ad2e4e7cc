/**
 * `file.ts:12` of whoever called `below`, or `???:1` as klog has it where the engine does not say.
 *
 * Takes one frame of the stack only, a few microseconds.
 */
export const callerOf = (below: (...values: never[]) => unknown): string => {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 1;
  Error.captureStackTrace(holder, below);
  // The text is made when it is first read, and that has to be within the limit's time in force.
  const stack = holder.stack ?? "";
  Error.stackTraceLimit = limit;
  const place = /([^/\\()\s]+):(\d+):\d+\)?$/.exec(stack);
  return place === null ? "???:1" : `${place[1]}:${place[2]}`;
};
