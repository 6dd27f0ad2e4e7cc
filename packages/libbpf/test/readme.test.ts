/**
 * Invariants:
 * - the README shows the examples as they are, and they print what they say;
 * - its table of features is that of the library.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { probeFeatures } from "../src/index.ts";
import { compile, temporaryFolder } from "./support/clang.ts";
import { makeCgroup, mountBpffs, onKernel, unable } from "./support/machine.ts";
import { testObjects } from "./support/objects.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const pathOf = (example: string): string => fileURLToPath(new URL(`../examples/${example}`, import.meta.url));
const textOf = (example: string): string => readFileSync(pathOf(example), "utf8");

/** What an example says that it prints: the comments behind `console.log`. */
const promised = (example: string): string =>
  textOf(example)
    .split("\n")
    .flatMap((line) => /^console\.log.*; \/\/ (.*)$/.exec(line)?.[1] ?? [])
    .join("\n");

const output = (example: string, ...args: string[]): string =>
  execFileSync(process.execPath, [pathOf(example), ...args], { encoding: "utf8" }).trim();

test.each(["count.ts", "adopt.ts", "refused.ts"])("the README shows %s as it is", (example) => {
  expect(readme).toContain(`\`\`\`ts\n${textOf(example)}\`\`\``);
});

onKernel("the README's examples", () => {
  const object = testObjects("refused");
  let folder: ReturnType<typeof temporaryFolder> | undefined;
  let packets = "";
  beforeAll(() => {
    if (unable !== undefined) return;
    folder = temporaryFolder();
    packets = compile("examples/packets.bpf.c", folder.path);
  });
  afterAll(() => folder?.[Symbol.dispose]());

  test.each(["count.ts", "adopt.ts"])("print what they say: %s", (example) => {
    using cgroup = makeCgroup();
    using bpffs = mountBpffs();
    const said = promised(example);
    expect(said).not.toBe("");
    expect(output(example, packets, cgroup.path, bpffs.path)).toBe(said);
  });

  test("name the program that was refused, and why", () => {
    expect(output("refused.ts", object("refused"))).toMatch(/^beyond: [\s\S]*invalid bpf_context access/);
    expect(output("refused.ts", "/does/not/exist.o")).toBe("open object: ENOENT, no hint");
  });

  test("stand beside a table of all features", () => {
    const rows = probeFeatures().map(({ name, what, since }) => `| \`${name}\` | ${what} | ${since} |`);
    for (const row of rows) expect(readme).toContain(row);
  });
});
