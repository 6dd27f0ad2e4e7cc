import { CHECKS, type Check, sectionOf } from "./checks.ts";
import type { Facts } from "./facts.ts";
import type { Status, Verdict } from "./verdict.ts";

/** One line of the answer. */
export interface Finding extends Verdict {
  readonly id: Check["id"];
}

/** What `-o json` prints; docs/reference/doctor.md says what each field means. Fields may be added, none changes. */
interface Printed {
  readonly checks: readonly {
    readonly id: string;
    readonly section: string;
    readonly status: Status;
    readonly message: string;
    /** Empty where nothing is to be done. */
    readonly remedy: string;
    readonly docs: string;
  }[];
}

const DOCS = "docs/reference/doctor.md";

/** All findings, in the order of the checks. */
export const findingsOf = (facts: Facts): readonly Finding[] =>
  CHECKS.flatMap((check) => check.judge(facts).map((verdict) => ({ ...verdict, id: check.id })));

/** The answer for programs. */
export const jsonOf = (findings: readonly Finding[]): string => {
  const printed: Printed = {
    checks: findings.map(({ id, status, message, remedy = "" }) => ({
      id,
      section: sectionOf({ id }).name,
      status,
      message,
      remedy,
      docs: `${DOCS}#${anchorOf(id)}`,
    })),
  };
  return `${JSON.stringify(printed, null, 2)}\n`;
};

/** The heading of a check in the docs, as Markdown makes an anchor of it. */
export const anchorOf = (id: string): string => id.replaceAll(".", "");

const SIGNS: Readonly<Record<Status, { readonly sign: string; readonly color: number }>> = {
  ok: { sign: "✓", color: 32 },
  warning: { sign: "!", color: 33 },
  failed: { sign: "✗", color: 31 },
  skipped: { sign: "-", color: 90 },
};

/** The answer for people: a heading for each section, a line for each finding, and below it what to do. */
export const textOf = (findings: readonly Finding[], { colors }: { readonly colors: boolean }): string => {
  const paint = (text: string, code: number) => (colors ? `\u001b[${code}m${text}\u001b[0m` : text);
  const bySection = Map.groupBy(findings, sectionOf);
  const sections = [...bySection].map(([{ title }, all]) => {
    const lines = all.flatMap(({ id, status, message, remedy }) => {
      const { sign, color } = SIGNS[status];
      const line = `  ${paint(sign, color)} ${message}${status === "ok" ? "" : paint(` [${id}]`, 90)}`;
      return remedy === undefined ? [line] : [line, `      ${remedy}`];
    });
    return `${paint(title, 1)}\n${lines.join("\n")}\n`;
  });
  return `${sections.join("\n")}\n${summaryOf(findings)}\n`;
};

const summaryOf = (findings: readonly Finding[]): string => {
  const count = (status: Status) => findings.filter((each) => each.status === status).length;
  const parts = (["failed", "warning", "skipped", "ok"] as const)
    .map((status) => ({ status, of: count(status) }))
    .filter(({ of, status }) => of > 0 || status === "failed")
    .map(({ status, of }) => `${of} ${status === "warning" && of !== 1 ? "warnings" : status}`);
  return parts.join(", ");
};
