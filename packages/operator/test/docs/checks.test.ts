/* Invariant: each check of the pages sees what it is for. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { blocksOf } from "../../../../scripts/docs/blocks.ts";
import { brokenClaims } from "../../../../scripts/docs/claims.ts";
import { forgetfulUpgrades } from "../../../../scripts/docs/helm-lines.ts";
import { brokenLinks } from "../../../../scripts/docs/links.ts";
import { readPage } from "../../../../scripts/docs/markdown.ts";
import { unknownFlags, unknownMetrics, unknownVariables } from "../../../../scripts/docs/names.ts";
import { missingLines } from "../../../../scripts/docs/output.ts";
import { faultOf, pcmcLines } from "../../../../scripts/docs/pcmc-lines.ts";
import { steadyLines } from "../../../../scripts/docs/steady-lines.ts";
import { terminalSvg } from "../../../../scripts/docs/terminal-svg.ts";

const folder = (files: Readonly<Record<string, string>>): string => {
  const root = mkdtempSync(join(tmpdir(), "pcmc-docs-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const name of ["docs", "test"]) mkdirSync(join(root, name));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  return root;
};

test("a link to a missing file, a missing heading, another protocol or an unknown host is broken", () => {
  const text = [
    "# A page: `of` mine",
    "[here](#a-page-of-mine) [there](docs/b.md#two-1) ![picture](missing.svg) [gone](docs/b.md#three)",
    "[plain](http://kubernetes.io/) [strange](https://example.invalid/) `[no](link.md)`",
    "```",
    "[no](link.md)",
    "```",
  ].join("\n");
  const other = "## Two\n## Two\n";
  const root = folder({ "a.md": text, "docs/b.md": other });
  expect(brokenLinks([readPage("a.md", text), readPage("docs/b.md", other)], root)).toEqual([
    "a.md:2: missing.svg: there is no such file",
    "a.md:2: docs/b.md#three: there is no such heading",
    "a.md:3: http://kubernetes.io/: only https leads out of the repository",
    "a.md:3: https://example.invalid/: the host example.invalid is not among those that pages may link to",
  ]);
});

test.each([
  ["pcmc preview -f a.yaml --pod b.yaml", undefined],
  ["cat a.yaml | bin/pcmc validate -f - -o json", undefined],
  ["pcmc manager --debug --log-format json", undefined],
  ["pcmc agent uninstall", undefined],
  ["pcmc preveiw -f a.yaml", "there is no command preveiw"],
  ["pcmc preview -f a.yaml --pods b.yaml", "preview has no flag --pods"],
  ["pcmc validate", "error: required option '-f, --filename <file...>' not specified"],
  ["pcmc validate -f a.yaml -o xml", expect.stringContaining("Allowed choices are text, json")],
])("the commands judge: %s", async (line, fault) => {
  const [found, ...more] = pcmcLines(readPage("a.md", `\`\`\`sh\n${line}\n\`\`\``));
  expect(more).toEqual([]);
  expect(found && (await faultOf(found))).toEqual(fault);
});

test("a command in running text may leave out what is required, and nothing else", async () => {
  const lines = pcmcLines(readPage("a.md", "`pcmc validate` and `pcmc validate --stric` and `kubectl pcmc top`"));
  expect(await Promise.all(lines.map(faultOf))).toEqual([undefined, "validate has no flag --stric", undefined]);
});

test("variables, flags and metrics that are not there are found", () => {
  const page = readPage("a.md", "`LOG_LEVEL` `LOG_LEVLE=debug` `--debug` `--debgu` `workqueue_depth` `workqueue_deph`");
  expect(unknownVariables([page])).toEqual(["a.md:1: LOG_LEVLE"]);
  expect(unknownFlags([page])).toEqual(["a.md:1: --debgu"]);
  expect(unknownMetrics([page], { table: "| `workqueue_depth` | gauge | |", code: "" })).toEqual([
    "a.md:1: workqueue_deph",
  ]);
});

test("a block is run unless it says otherwise, and what it says is looked into", () => {
  const text = [
    "```sh\none\n```",
    "```console\nprinted\n```",
    "<!-- not run: needs a node -->\n```sh\ntwo\n```",
    "<!-- run by: it.test.ts -->\n```sh\nthree\n```",
    "<!-- run by: other.test.ts -->\n```sh\nfour\n```",
  ].join("\n");
  const blocks = blocksOf(readPage("docs/a.md", text));
  expect(blocks.map(({ treatment }) => treatment)).toEqual([
    { kind: "run" },
    { kind: "not run", reason: "needs a node" },
    { kind: "run by", test: "it.test.ts" },
    { kind: "run by", test: "other.test.ts" },
  ]);
  expect(blocks[0]?.output).toBe("printed");
  const root = folder({ "it.test.ts": "readFile('docs/a.md'); sh('three')" });
  expect(brokenClaims(blocks, root)).toEqual(["docs/a.md:16: run by other.test.ts, which is not there"]);
});

test("a test that runs a page's commands names that page; a README may be named without its folder", () => {
  const root = folder({ "it.test.ts": 'read("../README.md"); sh("one")' });
  const faultsOf = (path: string) =>
    brokenClaims(blocksOf(readPage(path, "<!-- run by: it.test.ts -->\n```sh\none\n```")), root);
  expect(faultsOf("packages/a/README.md")).toEqual([]);
  expect(faultsOf("README.md")).toEqual([]);
  expect(faultsOf("docs/a.md")).toEqual([expect.stringContaining("which does not name docs/a.md")]);
});

test.each([
  ["helm history x\nhelm rollback x 1", 'run("rollback", "x"); // docs/a.md, by helm', ["helm history"]],
  ["helm history x\nhelm rollback x 1", 'run("rollback"); run("history"); // docs/a.md, by helm', []],
  ["kubectl get x | while read y; do kubectl patch $y; done", 'sh("kubectl get x"); // docs/a.md', ["kubectl patch"]],
  ["KEY=v pcmc top --once # a; comment", 'sh("pcmc preview"); // docs/a.md; at the top', ["pcmc top"]],
  ["clang -O2 a.c \\\n  -o b", 'sh("clang"); // docs/a.md', []],
  ["helm history x", 'import { run } from "../test/support.ts"; // docs/a.md', []],
  ["helm rollback x", 'import { run } from "../test/support.ts"; // docs/a.md', ["helm rollback"]],
  ["helm rollback x", 'read("docs/a.md").matchAll(/^```sh\\n(.*?)^```$/gms)', []],
])(
  "a test has the commands that it is said to run, or takes them out of the page: %s, %s",
  (commands, source, missing) => {
    const root = folder({ "docs/it.test.ts": source, "test/support.ts": 'sh("helm history")' });
    const blocks = blocksOf(readPage("docs/a.md", `<!-- run by: docs/it.test.ts -->\n\`\`\`sh\n${commands}\n\`\`\``));
    const faults = missing.map((command) => `docs/a.md:2: run by docs/it.test.ts, which has no ${command}`);
    expect(brokenClaims(blocks, root)).toEqual(faults);
  },
);

test("a block may have commands before it that only the run of the page needs", () => {
  const [block] = blocksOf(readPage("docs/a.md", "<!-- before: undo it -->\n<!-- before: all -->\n```sh\none\n```"));
  expect(block).toMatchObject({ treatment: { kind: "run" }, before: ["undo it", "all"] });
});

test.each([
  ["helm upgrade x ./chart --namespace n --reset-then-reuse-values \\\n  --set a=b", []],
  ["helm upgrade x ./chart --namespace=n --reset-then-reuse-values --set a=b", []],
  ["helm upgrade x ./chart --wait\nhelm install x ./chart --set a=b", []],
  ["helm upgrade --install x ./chart --namespace n \\\n  --set a=b", ["--reset-then-reuse-values"]],
  ["helm upgrade x ./chart --set-json a=1", ["--reset-then-reuse-values", "--namespace"]],
])("an upgrade that would forget what was set before is found: %s", (commands, missing) => {
  const found = forgetfulUpgrades([readPage("a.md", `\`\`\`sh\n${commands}\n\`\`\``)]);
  expect(found).toEqual(missing.map((flag) => expect.stringContaining(`a.md:1: helm upgrade without ${flag}: `)));
});

test("what a page says is printed has to be, in that order", () => {
  const printed = "NAME   READY   AGE\nweb    True    3s\ndb     False   3s\n";
  expect(missingLines("NAME READY AGE\nweb  True  ...", printed)).toEqual([]);
  expect(missingLines("...\ndb False 3s", printed)).toEqual([]);
  expect(missingLines("db False 3s\nweb True 3s", printed)).toEqual(["web True 3s"]);
  expect(missingLines("web False 3s", printed)).toEqual(["web False 3s"]);
  expect(missingLines("we. True 3s", printed)).toEqual(["we. True 3s"]);
});

test("two runs of the demo are the same recording", () => {
  const run = (port: number, pod: string, uid: string, ms: number) =>
    `  4.${ms % 10}s  API server at https://127.0.0.1:${port}\n        I1121 19:10:13.4 log\ngreeter-${pod}  True  ${ms % 9}s\nuid: ${uid}\nlabel  (seen ${ms} ms later)\n\n\nend\n`;
  const one = steadyLines(run(22858, "b4675b87d-gxsjv", "2e21da0f-90c9-4e26-80d5-eda1966bc0d1", 63));
  const two = steadyLines(run(31001, "6c9f8d7b5-abcde", "e2a62022-a144-4801-8871-0314a83527bb", 170));
  expect(one).toEqual(two);
  expect(one).toContain("label");
});

test("a picture of a terminal has each line once, and moves once for each", () => {
  const lines = ["# says", "$ types <it>", "prints", "", "+added"];
  const svg = terminalSvg(lines, "a title");
  expect(svg).toContain('class="types"');
  expect(svg).toContain("$ types &lt;it&gt;");
  expect(svg.match(/% \{ transform/g)).toHaveLength(lines.length);
  expect(svg.match(/<text class="(says|types|prints|added)"/g)).toHaveLength(4);
});
