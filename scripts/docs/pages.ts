import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Page, readPage } from "./markdown.ts";

/** The root of the repository, with a slash at its end. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

const PATTERNS = ["*.md", "docs/**/*.md", "packages/*/README.md", "chart/**/*.md", "examples/**/*.md"];

/** All pages of the repository, in the order of their paths. */
export const pagesOf = (root: string = ROOT): readonly Page[] =>
  globSync(PATTERNS, { cwd: root })
    .sort()
    .map((path) => readPage(path, readFileSync(`${root}${path}`, "utf8")));
