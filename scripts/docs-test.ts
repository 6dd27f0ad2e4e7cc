/*
 * Runs the commands of README and docs as a reader would type them, and says which ones nobody runs, and why.
 *
 *   node scripts/docs-test.ts [PAGE...]     all pages, or those named: docs/tutorial/getting-started.md
 *
 * What can be judged without running anything (links, flags, names) is tested by packages/operator/test/docs.
 */
import { styleText } from "node:util";
import { helmPath, resolveAssets } from "@pcmc/devcluster";
import { blocksOf } from "./docs/blocks.ts";
import { faultyYaml } from "./docs/dry-run.ts";
import { pagesOf } from "./docs/pages.ts";
import { runPage } from "./docs/run-page.ts";

const asked = process.argv.slice(2);
const pages = pagesOf().filter(({ path }) => asked.length === 0 || asked.includes(path));

const { kubectl = "kubectl" } = await resolveAssets(["kubectl"]);
const programs = { kubectl, helm: await helmPath() };

const faults: string[] = [];
const waiting = pages.filter((page) => blocksOf(page).some(({ treatment }) => treatment.kind === "run"));

/** Runs pages for as long as some wait. */
const worker = async (): Promise<void> => {
  for (let page = waiting.shift(); page !== undefined; page = waiting.shift()) {
    const started = performance.now();
    const found = await runPage(page, programs);
    faults.push(...found);
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    console.log(`${verdictOf(found)}  ${page.path}: ${seconds} s`);
  }
};

const verdictOf = (found: readonly string[]): string =>
  found.length === 0 ? styleText("green", "ok") : styleText("red", "failed");

// Much of a page's time is waiting for its cluster.
await Promise.all(Array.from({ length: 2 }, worker));

const yaml = await faultyYaml(pages);
faults.push(...yaml.faults);
console.log(`${verdictOf(yaml.faults)}  ${yaml.objects} objects in YAML blocks, asked of the API server`);

const blocks = pages.flatMap(blocksOf);
const elsewhere = blocks.filter(({ treatment }) => treatment.kind === "run by");
const reasons = blocks.flatMap(({ page, fence, treatment }) =>
  treatment.kind === "not run" ? [`  ${page}:${fence.line}: ${treatment.reason}`] : [],
);
console.log(`\n${elsewhere.length} blocks are run by tests of their own; ${reasons.length} are run by nobody:`);
for (const reason of reasons) console.log(reason);

for (const fault of faults) console.error(`\n${fault}`);
if (faults.length > 0) process.exitCode = 1;
