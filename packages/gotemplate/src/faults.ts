import { TemplateError } from "./errors.ts";
import { excludedFunctions, functionNames } from "./functions.ts";
import { nearest } from "./nearest.ts";
import type { Fault } from "./protocol.ts";
import type { Place } from "./task.ts";

/** A fault where nobody knows the place. */
const nowhere = (fault: Pick<Fault, "reason" | "detail">): Fault => ({ ...fault, line: 1, column: 1 });

/** It ran too long. @param deadline milliseconds. */
export const late = ({ line, column }: Pick<Place, "line" | "column">, deadline: number): Fault => ({
  reason: "deadline",
  line,
  column,
  detail: `took longer than ${deadline} ms`,
});

/** Its thread ended. */
export const died = ({ line, column }: Pick<Place, "line" | "column">): Fault => ({
  reason: "memory",
  line,
  column,
  detail: "needs more memory than the limit",
});

/** Others took all the time that there was. @param budget milliseconds. */
export const notReached = (budget: number): Fault =>
  nowhere({ reason: "deadline", detail: `not reached: templates before it took all of ${budget} ms` });

/** It put out too much; of several, together with those before it. @param limit bytes. */
export const tooMuchOutput = (fault: Fault, limit: number): Fault => ({
  ...fault,
  detail: `the output is larger than ${limit} bytes`,
});

/** What is wrong with a source that is not even parsed, or nothing. @param room bytes that it may have. */
export const sourceFault = (source: string, room: number, limit: number): Fault | undefined => {
  if (source.length > room || Buffer.byteLength(source) > room) {
    return nowhere({ reason: "size", detail: `the templates are larger than ${limit} bytes` });
  }
  if (!source.isWellFormed()) {
    return nowhere({
      reason: "encoding",
      detail: "the template holds half of a surrogate pair, which is no character",
    });
  }
  return undefined;
};

/** The error that a fault is. */
export const errorOf = (fault: Fault, key: string | undefined): TemplateError => {
  const unknown = /^function "(.*)" not defined$/.exec(fault.detail)?.[1];
  if (unknown === undefined) return new TemplateError({ ...fault, key });
  const left = excludedFunctions.find(({ name }) => name === unknown);
  // Who knows it from sprig has not misspelt it.
  if (left) return new TemplateError({ ...fault, key, detail: `${fault.detail}: it ${left.why}` });
  return new TemplateError({ ...fault, key, suggestion: nearest(unknown, functionNames) });
};
