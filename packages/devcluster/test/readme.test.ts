/** Invariant: the README's example is the file that runs here. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const example = fileURLToPath(new URL("../examples/first-cluster.ts", import.meta.url));

test("the README shows the example as it is", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  expect(readme).toContain(`\`\`\`ts\n${readFileSync(example, "utf8")}\`\`\``);
});

test("the example runs", () => {
  expect(execFileSync(process.execPath, [example], { encoding: "utf8" })).toBe("pod/web condition met\n");
});
