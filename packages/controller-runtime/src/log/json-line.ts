import { errorStack, errorText } from "./error-text.ts";
import { json, MAX_VALUE } from "./json.ts";
import type { Format } from "./record.ts";

/** Names that are ours; a field of that name gets a `_` at its end. */
const OURS = new Set(["ts", "level", "msg", "err", "stack"]);

/**
 * One JSON object a line: `ts` (RFC 3339, UTC), `level` (error, warning, info, debug), `msg`, `err` (the error's message
 * with those of its causes) and `stack` where there is one, then the fields.
 */
export const jsonFormat: Format = ({ time, level, message, fields, error }) => {
  let line = `{"ts":"${time.toISOString()}","level":"${level}","msg":${json(message)}`;
  if (error !== undefined) line += `,"err":${json(errorText(error))}`;
  const stack = errorStack(error);
  if (stack !== undefined) line += `,"stack":${json(stack)}`;
  for (const [name, value] of fields) line += `,${json(OURS.has(name) ? `${name}_` : name)}:${json(shown(value))}`;
  return `${line}}`;
};

const shown = (value: unknown): unknown =>
  typeof value === "string" && value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}... (cut)` : value;
