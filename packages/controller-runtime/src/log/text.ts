import type { LogLevel } from "../log.ts";
import { errorStack, errorText } from "./error-text.ts";
import { json, MAX_VALUE } from "./json.ts";
import { quote } from "./quote.ts";
import type { Format } from "./record.ts";

/** klog has no letter for detail: it is information at a higher verbosity. */
const LETTERS: Readonly<Record<LogLevel, string>> = { error: "E", warning: "W", info: "I", debug: "I" };

export interface TextOptions {
  /** Add the stacks of errors, for who looks for a fault. */
  readonly stacks: boolean;
  /** In klog's column of the thread. Default: that of this process. */
  readonly processId?: number;
}

/**
 * klog's structured text: `I1120 15:04:05.000000       1 file.ts:12] "message" err="..." key="value"`.
 *
 * Strings are quoted as Go quotes them, errors stand first as `err`, an object's key (`{namespace, name}`) is
 * `"namespace/name"`, everything else is JSON; the time is local. Unlike klog, a value with line breaks is escaped
 * instead of spread over lines, so that a record is always one line.
 *
 * Source: klog v2 `internal/buffer/buffer.go` (header), `internal/serialize/keyvalues.go` (values).
 */
export const textFormat = ({ stacks, processId = process.pid }: TextOptions): Format => {
  const thread = String(processId).padStart(7);
  return ({ time, level, message, fields, error, caller }) => {
    let line = `${LETTERS[level]}${timestamp(time)} ${thread} ${caller ?? "???:1"}] ${quote(message)}`;
    if (error !== undefined) line += ` err=${quote(errorText(error))}`;
    for (const [name, value] of fields) line += ` ${keyOf(name)}=${valueText(value)}`;
    const stack = stacks ? errorStack(error) : undefined;
    return stack === undefined ? line : `${line} stack=${quote(stack)}`;
  };
};

/** `mmdd hh:mm:ss.uuuuuu`; the clock gives milliseconds. */
const timestamp = (time: Date): string => {
  const day = two(time.getMonth() + 1) + two(time.getDate());
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  return `${day} ${clock}.${String(time.getMilliseconds()).padStart(3, "0")}000`;
};

const two = (value: number): string => String(value).padStart(2, "0");

/** klog takes names as they are; one with a space or a quotation mark would make the line ambiguous. */
const keyOf = (name: string): string => name.replaceAll(/[^\p{L}\p{N}_.\-/]/gu, "_") || "_";

const valueText = (value: unknown): string => {
  if (typeof value === "string")
    return quote(value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}... (cut)` : value);
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (value instanceof Error) return quote(errorText(value));
  return objectKey(value) ?? json(value);
};

/** What klog's `KObj` and `KRef` show of an object. */
const objectKey = (value: unknown): string | undefined => {
  if (typeof value !== "object" || value === null || Object.keys(value).length !== 2) return undefined;
  if (!("namespace" in value) || !("name" in value)) return undefined;
  const { namespace, name } = value;
  if (typeof namespace !== "string" || typeof name !== "string") return undefined;
  return quote(namespace === "" ? name : `${namespace}/${name}`);
};
