import type { LogFields, Logger, LogLevel } from "../../src/log.ts";

/** A line that was logged. */
export interface Line {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger that keeps what it is told. */
export interface RecordedLog extends Logger {
  readonly lines: readonly Line[];
  /** The messages of a level. */
  of(level: LogLevel): string[];
}

export const recordedLog = (): RecordedLog => {
  const lines: Line[] = [];
  const logger = (context: LogFields): RecordedLog => {
    const note =
      (level: LogLevel) =>
      (message: string, fields: LogFields = {}) =>
        void lines.push({ level, message, fields: { ...context, ...fields } });
    return {
      lines,
      of: (level) => lines.filter((line) => line.level === level).map(({ message }) => message),
      error: note("error"),
      warning: note("warning"),
      info: note("info"),
      debug: note("debug"),
      with: (fields) => logger({ ...context, ...fields }),
    };
  };
  return logger({});
};
