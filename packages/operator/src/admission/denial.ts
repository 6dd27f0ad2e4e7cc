import { type Denied, deny } from "@pcmc/controller-runtime";
import type { StatusCause } from "kubernetes-types/meta/v1.d.ts";
import { fieldOf } from "../api/conform.ts";
import { describeFinding, type Finding, indented } from "./finding.ts";

/** Findings that are told; the rest is a count. */
const TOLD = 50;

/** How a refusal is told apart: by what the author has to do. */
const CODES = {
  /** The object is wrong. */
  Invalid: 422,
  /** The author lacks a right. */
  Forbidden: 403,
  /** It is not known whether the author has it, or whether the object is right. */
  ServiceUnavailable: 503,
} as const;

export type DenialReason = keyof typeof CODES;

/** One line, and below it the excerpt where there is one. */
const toldInFull = (finding: Finding): string =>
  [describeFinding(finding), ...(finding.excerpt === undefined ? [] : [indented(finding.excerpt)])].join("\n");

/** kubectl shows the causes of an Invalid, each as `field: message`, and not its message: so they have all that it has. */
const causeOf = ({
  path,
  message,
  position,
  excerpt,
  isUnjudged,
  reason = "FieldValueInvalid",
}: Finding): StatusCause => ({
  ...(!isUnjudged && { reason }),
  field: fieldOf(path),
  message: [
    position === undefined ? message : `${position.line}:${position.column}: ${message}`,
    ...(excerpt === undefined ? [] : [indented(excerpt)]),
  ].join("\n"),
});

export interface DenialOptions {
  readonly reason: DenialReason;
  readonly warnings?: readonly string[];
}

/** The answer to a write that is refused: all findings in its message, one line each, and each as a cause. */
export const denial = (findings: readonly Finding[], { reason, warnings }: DenialOptions): Denied => {
  const told = findings.slice(0, TOLD);
  const more = findings.length - told.length;
  return deny({
    code: CODES[reason],
    reason,
    message: [...told.map(toldInFull), ...(more > 0 ? [`and ${more} more`] : [])].join("\n"),
    causes: told.map(causeOf),
    warnings,
  });
};
