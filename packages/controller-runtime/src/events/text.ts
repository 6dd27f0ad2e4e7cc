/** The limits of the API, bytes: https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/validation/events.go */
const NOTE_LIMIT = 1024;
const NAME_LIMIT = 253;
/** `.` and the 16 hexadecimal digits that nanoseconds take until the year 2554. */
const SUFFIX_LENGTH = 17;

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const encoder = new TextEncoder();

/** The beginning of `text` that takes at most `bytes` in UTF-8, without half a character at its end. */
export const clip = (text: string, bytes: number): string => {
  // An UTF-16 unit takes three bytes at the most.
  if (text.length * 3 <= bytes) return text;
  const wellFormed = text.toWellFormed();
  const { read } = encoder.encodeInto(wellFormed, new Uint8Array(bytes));
  return wellFormed.slice(0, read);
};

/** A note that the API takes; one that was cut says so with an ellipsis. */
export const clipNote = (note: string): string => {
  const whole = clip(note, NOTE_LIMIT);
  return whole.length === note.length ? whole : `${clip(note, NOTE_LIMIT - 3)}…`;
};

/**
 * The name of an Event, `<regarding name>.<nanoseconds in hex>` as client-go has it. Not every object's name may be part
 * of one (`system:node`, 253 characters): it is mended and cut then, where client-go takes a uuid instead.
 */
export const eventName = (regarding: string, nanoseconds: bigint): string => {
  const mended = SUBDOMAIN.test(regarding) ? regarding : regarding.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const stem = mended
    .slice(0, NAME_LIMIT - SUFFIX_LENGTH)
    .replace(/^[^a-z0-9]+/, "")
    .replace(/[^a-z0-9]+$/, "");
  return `${stem || "event"}.${nanoseconds.toString(16)}`;
};

/** A MicroTime of the API. Dates here have milliseconds; the API wants the other digits too. */
export const microTime = (date: Date): string => date.toISOString().replace(/Z$/, "000Z");

/** Whether `name` may be a `reportingController`: a qualified name, `controller` or `example.com/controller`. */
export const isQualifiedName = (name: string): boolean => {
  const [last = "", prefix, ...rest] = name.split("/").toReversed();
  if (rest.length > 0) return false;
  if (prefix !== undefined && (prefix.length > NAME_LIMIT || !SUBDOMAIN.test(prefix))) return false;
  return last.length <= 63 && /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(last);
};
