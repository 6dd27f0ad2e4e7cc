/**
 * Invariants:
 * - the README's examples print what they say, as the package that is published, which has no TypeScript;
 * - that package needs nothing else, and nothing that the oldest Node that it takes does not have;
 * - the README names every function that is missing.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pack } from "../scripts/pack.ts";
import { excludedFunctions } from "../src/index.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const examples = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = ""]) => code);

/** What an example says that it prints: comments after `console.log`, or in the lines below it. */
const promised = (code: string): string =>
  code
    .split("\n")
    .flatMap((line) => /^\s*console\.log.*; \/\/ (.*)$/.exec(line)?.[1] ?? /^\s*\/\/ (.*)$/.exec(line)?.[1] ?? [])
    .join("\n");

/** Without what the console does for the eye. */
const plain = (text: string): string => text.replaceAll(/\s+/g, " ").replaceAll(/["']/g, "'").trim();

/** The version that package.json names as the oldest. */
const { engines } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const oldest = `${String(engines.node).replace(">=", "")}.0`;

/** That Node's program, as npm has it. */
const fetchNode = (version: string): string =>
  execFileSync("npx", ["--yes", `--package=node@${version}`, "node", "-p", "process.execPath"], {
    cwd: tmpdir(),
    encoding: "utf8",
  }).trim();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gotemplate-"));
  mkdirSync(join(folder, "node_modules/@pcmc"), { recursive: true });
  pack(join(folder, "node_modules/@pcmc/gotemplate"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("there are examples", () => {
  expect(examples).toHaveLength(2);
});

/** Runs an example, and compares what it prints with what it says. */
const check = (node: string, index: number, code: string): void => {
  const file = join(folder, `example-${index}.mjs`);
  writeFileSync(file, code);
  const output = execFileSync(node, ["--no-experimental-strip-types", file], { encoding: "utf8" });
  expect(plain(output).replaceAll(/\[ | \]/g, (bracket) => bracket.trim())).toBe(
    plain(promised(code)).replaceAll(/\[ | \]/g, (bracket) => bracket.trim()),
  );
};

test.each(examples.map((code, index) => [index + 1, code] as const))("example %d prints what it says", (index, code) =>
  check(process.execPath, index, code),
);

test("all do with the oldest Node that package.json names", { timeout: 180_000 }, () => {
  const node = fetchNode(oldest);
  expect(execFileSync(node, ["--version"], { encoding: "utf8" }).trim()).toBe(`v${oldest}`);
  for (const [index, code] of examples.entries()) check(node, index + 1, code);
});

test("every function that is missing is named", () => {
  for (const { name } of excludedFunctions) expect(readme).toMatch(new RegExp(`\\b${name}\\b`));
});
