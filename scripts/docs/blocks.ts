import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Fence, Page } from "./markdown.ts";

/** What is done with a block of shell commands. */
export type Treatment =
  /** `make docs-test` runs it. */
  | { readonly kind: "run" }
  /** A test runs it; the path is that of the test. */
  | { readonly kind: "run by"; readonly test: string }
  /** Nobody runs it, for the reason given. */
  | { readonly kind: "not run"; readonly reason: string };

/** A block of shell commands of a page. */
export interface Block {
  readonly page: string;
  readonly fence: Fence;
  readonly treatment: Treatment;
  /** What a `console` block right behind it says that it prints. */
  readonly output: string | undefined;
}

/** Pages none of whose commands are run, and why. */
const NOT_RUN: readonly (readonly [RegExp, string])[] = [
  [/^docs\/decisions\/|^CONTRIBUTING\.md$/, "written for those who work on the project; CI runs what has to pass"],
  [/^docs\/runbooks\//, "for looking around in an incident, with names that only that one has"],
];

const SHELL = new Set(["sh", "bash", "shell"]);

/** All blocks of shell commands, in their order. */
export const blocksOf = (page: Page): readonly Block[] =>
  page.fences.flatMap((fence, index) => {
    if (!SHELL.has(fence.info)) return [];
    const next = page.fences[index + 1];
    const output = next?.info === "console" ? next.text : undefined;
    return [{ page: page.path, fence, treatment: treatmentOf(page.path, fence), output }];
  });

const treatmentOf = (page: string, { comments }: Fence): Treatment => {
  for (const comment of comments) {
    const [, kind, rest = ""] = /^(not run|run by): (.+)$/.exec(comment) ?? [];
    if (kind === "not run") return { kind, reason: rest };
    if (kind === "run by") return { kind, test: rest };
  }
  const [, reason] = NOT_RUN.find(([pages]) => pages.test(page)) ?? [];
  return reason === undefined ? { kind: "run" } : { kind: "not run", reason };
};

/** Blocks whose `run by` is not so: `FILE:LINE: what`. */
export const brokenClaims = (blocks: readonly Block[], root: string): readonly string[] =>
  blocks.flatMap(({ page, fence, treatment }) => {
    if (treatment.kind !== "run by") return [];
    const fault = claimFault(page, treatment.test, root);
    return fault === undefined ? [] : [`${page}:${fence.line}: ${fault}`];
  });

/** A test that runs a page's commands reads the page, so it names it; that of a package's README may say `../README.md`. */
const claimFault = (page: string, test: string, root: string): string | undefined => {
  if (!existsSync(join(root, test))) return `run by ${test}, which is not there`;
  const text = readFileSync(join(root, test), "utf8");
  const isNamed = text.includes(page) || (/(^|\/)README\.md$/.test(page) && text.includes("README.md"));
  return isNamed ? undefined : `run by ${test}, which does not name ${page}`;
};
