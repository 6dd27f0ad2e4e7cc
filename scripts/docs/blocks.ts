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
  /** Commands that `make docs-test` runs first, of comments `before: COMMAND`: they undo what another section of the page has done. */
  readonly before: readonly string[];
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
    const before = fence.comments.flatMap((comment) => /^before: (.+)$/.exec(comment)?.[1] ?? []);
    return [{ page: page.path, fence, treatment: treatmentOf(page.path, fence), before, output }];
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
