/*
 * The recording of `make demo` that README.md shows: runs the demo and makes docs/images/demo.svg of what it printed. What differs
 * from run to run (ports, UIDs, random names, times) is replaced, so the same demo gives the same picture.
 *
 *   node scripts/demo-recording.ts [--check]     --check writes nothing, and exits with 1 when the picture is another one
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs, stripVTControlCharacters } from "node:util";
import { steadyLines } from "./docs/steady-lines.ts";
import { terminalSvg } from "./docs/terminal-svg.ts";

const PICTURE = fileURLToPath(new URL("../docs/images/demo.svg", import.meta.url));
const DEMO = fileURLToPath(new URL("demo.ts", import.meta.url));

const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });

const { stdout, status } = spawnSync(process.execPath, [DEMO], {
  encoding: "utf8",
  stdio: ["ignore", "pipe", "inherit"],
  timeout: 150_000,
});
if (status !== 0) {
  console.error(`the demo failed, with exit code ${status}:\n${stdout}`);
  process.exit(1);
}
const picture = terminalSvg(steadyLines(stripVTControlCharacters(stdout)), "make demo, recorded");
if (!values.check) {
  writeFileSync(PICTURE, picture);
  console.log("docs/images/demo.svg written");
} else if (readFileSync(PICTURE, "utf8") !== picture) {
  console.error(
    "docs/images/demo.svg is not what the demo prints: run node scripts/demo-recording.ts and commit the result",
  );
  process.exitCode = 1;
}
