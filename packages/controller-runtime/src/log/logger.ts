import { type Clock, systemClock } from "../clock.ts";
import type { LogFields, Logger, LogLevel } from "../log.ts";
import { callerOf } from "./caller.ts";
import { jsonFormat } from "./json-line.ts";
import type { Format } from "./record.ts";
import { textFormat } from "./text.ts";

/** Takes whole lines. What it throws is swallowed: a log has nowhere to complain. */
export interface LineSink {
  /** Writes `line`, which ends in a line feed. */
  write(line: string): void;
  /** How many lines were dropped since the last call, once there is room again to say so. */
  takeDropped?(): number;
}

export interface LoggerOptions {
  /** Default `info`. What is less severe is dropped before it costs anything. */
  readonly level?: LogLevel;
  /** Default `text`, klog's form. */
  readonly format?: "text" | "json";
  /** Where lines go: `stderrSink()` in a program. */
  readonly stream: LineSink;
  readonly clock?: Clock;
}

const SEVERITIES: Readonly<Record<LogLevel, number>> = { error: 0, warning: 1, info: 2, debug: 3 };

/**
 * A logger that writes a line a record. No method throws, whatever the fields are.
 *
 * @example
 * const log = createLogger({ level: "info", format: "text", stream: stderrSink() });
 * log.info("Starting", { version }); // I1120 15:04:05.000000       1 main.ts:12] "Starting" version="0.1.0"
 */
export const createLogger = ({
  level = "info",
  format = "text",
  stream,
  clock = systemClock,
}: LoggerOptions): Logger => {
  const isText = format === "text";
  const render: Format = isText ? textFormat({ stacks: level === "debug" }) : jsonFormat;
  const reportDropped = (caller: string | undefined): void => {
    const count = stream.takeDropped?.() ?? 0;
    if (count === 0) return;
    const record = { time: clock.date(), level: "warning", error: undefined, caller } as const;
    const message = "Log lines were dropped, whoever reads the log is too slow";
    stream.write(`${render({ ...record, message, fields: new Map([["count", count]]) })}\n`);
  };
  const write = ({ at, message, added, fields, below }: Call): void => {
    try {
      const { error, ...rest } = { ...added, ...fields };
      const caller = isText ? callerOf(below) : undefined;
      const given = new Map(Object.entries(rest).filter(([, value]) => value !== undefined));
      reportDropped(caller);
      stream.write(`${render({ time: clock.date(), level: at, message, fields: given, error, caller })}\n`);
    } catch {
      // A field's getter threw, or the sink did: a log must not stop what it tells of.
    }
  };
  return loggerWith({ added: {}, threshold: SEVERITIES[level], write });
};

interface Call {
  readonly at: LogLevel;
  readonly message: string;
  readonly added: LogFields;
  readonly fields: LogFields | undefined;
  /** The method that was called; the frame above it is the caller's. */
  readonly below: (message: string, fields?: LogFields) => void;
}

interface Context {
  readonly added: LogFields;
  readonly threshold: number;
  readonly write: (call: Call) => void;
}

const loggerWith = (context: Context): Logger => {
  const { added, threshold, write } = context;
  const method = (at: LogLevel) => {
    if (SEVERITIES[at] > threshold) return () => {};
    const log = (message: string, fields?: LogFields): void => write({ at, message, added, fields, below: log });
    return log;
  };
  return {
    error: method("error"),
    warning: method("warning"),
    info: method("info"),
    debug: method("debug"),
    with: (fields) => loggerWith({ ...context, added: { ...added, ...fields } }),
  };
};
