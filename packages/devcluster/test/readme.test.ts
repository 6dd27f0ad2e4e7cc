/** Invariant: the README's examples are the files that run, the one with a real node in e2e/node.e2e.ts. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const example = fileURLToPath(new URL("../examples/first-cluster.ts", import.meta.url));

test.each(["first-cluster.ts", "real-node.ts"])("the README shows %s as it is", (file) => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const text = readFileSync(new URL(`../examples/${file}`, import.meta.url), "utf8");
  expect(readme).toContain(`\`\`\`ts\n${text}\`\`\``);
});

test("the example runs", () => {
  expect(execFileSync(process.execPath, [example], { encoding: "utf8" })).toBe("pod/web condition met\n");
});
