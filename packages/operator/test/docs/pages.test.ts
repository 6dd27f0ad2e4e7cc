/*
 * What the pages say of things that can be looked up is so.
 *
 * Invariants:
 * - Each relative link leads to a file, and its anchor to a heading; absolute ones lead to hosts that we know, by https.
 * - Each page, and heading of one, that code, chart or manifests name is there.
 * - Each `pcmc` command line parses with the real definitions.
 * - Each variable, flag and metric that a page names exists.
 * - Each `helm upgrade` that sets values keeps those that were set before, in the namespace that it names.
 * - Each PodConfigMapConfig and Watcher that a page shows is one that admission takes, unless a comment `refused` stands above it.
 * - Each block of shell commands is run: by `make docs-test`, or by a test that names its page and has its commands; or it says why not.
 */
import { existsSync, globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { blocksOf } from "../../../../scripts/docs/blocks.ts";
import { brokenClaims } from "../../../../scripts/docs/claims.ts";
import { forgetfulUpgrades } from "../../../../scripts/docs/helm-lines.ts";
import { brokenLinks } from "../../../../scripts/docs/links.ts";
import { unknownFlags, unknownMetrics, unknownVariables } from "../../../../scripts/docs/names.ts";
import { pagesOf, ROOT } from "../../../../scripts/docs/pages.ts";
import { faultOf, pcmcLines } from "../../../../scripts/docs/pcmc-lines.ts";
import { Folder } from "../cli/support.ts";

const pages = pagesOf();

test("there are pages of all four kinds, and the index links each of them", () => {
  const index = pages.find(({ path }) => path === "docs/README.md");
  const linked = new Set(index?.links.map(({ target }) => `docs/${target.split("#")[0]}`));
  const kinds = ["tutorial", "how-to", "reference", "explanation"];
  for (const kind of kinds) {
    const ofKind = pages.filter(({ path }) => path.startsWith(`docs/${kind}/`));
    expect(ofKind.length).toBeGreaterThan(0);
    for (const { path } of ofKind) expect(linked).toContain(path);
  }
});

test("every link leads somewhere", () => {
  expect(brokenLinks(pages, ROOT)).toEqual([]);
});

test("every page that code, chart or manifests name is there, with the heading", () => {
  const patterns = [
    "packages/*/src/**/*.ts",
    "{scripts,bench,e2e}/**/*.ts",
    "chart/**/*.{yaml,tpl,txt}",
    "{manifests,examples}/**/*.yaml",
  ];
  const named = globSync([...patterns, "Makefile"], { cwd: ROOT }).flatMap((path) => {
    const text = readFileSync(`${ROOT}${path}`, "utf8");
    // Not those of other projects' addresses.
    return [...text.matchAll(/(?<![\w/.-])docs\/[\w./-]+\.md(?:#[\w-]+)?/g)].map(([target]) => ({ path, target }));
  });
  expect(named.length).toBeGreaterThan(10);
  const faults = named.flatMap(({ path, target }) => {
    const [file = "", anchor] = target.split("#");
    const page = pages.find((one) => one.path === file);
    if (page === undefined) return existsSync(`${ROOT}${file}`) ? [] : [`${path}: ${target}`];
    return anchor === undefined || page.anchors.has(anchor) ? [] : [`${path}: ${target}`];
  });
  expect(faults).toEqual([]);
});

test("every command line of ours is one", async () => {
  const lines = pages.filter(({ path }) => !path.startsWith("docs/decisions/")).flatMap(pcmcLines);
  expect(lines.length).toBeGreaterThan(50);
  const faults = await Promise.all(
    lines.map(async (line) => {
      const fault = await faultOf(line);
      return fault === undefined ? [] : [`${line.at}: pcmc ${line.words.join(" ")}: ${fault}`];
    }),
  );
  expect(faults.flat()).toEqual([]);
});

test("no upgrade forgets what was set before", () => {
  expect(forgetfulUpgrades(pages)).toEqual([]);
});

test("every variable that a page names is a setting, or somebody else's that we know", () => {
  expect(unknownVariables(pages)).toEqual([]);
});

test("every flag that a page names is one of a command", () => {
  expect(unknownFlags(pages)).toEqual([]);
});

test("every metric that a page names is exported", () => {
  const table = readFileSync(`${ROOT}docs/reference/metrics.md`, "utf8");
  const files = globSync("packages/{operator,controller-runtime}/src/**/*.ts", { cwd: ROOT });
  const code = files.map((file) => readFileSync(`${ROOT}${file}`, "utf8")).join("\n");
  expect(unknownMetrics(pages, { table, code })).toEqual([]);
});

test("every block of commands that a test is said to run is in a page that the test names, and its commands are in the test", () => {
  const blocks = pages.flatMap(blocksOf);
  expect(brokenClaims(blocks, ROOT)).toEqual([]);
  expect(blocks.filter(({ treatment }) => treatment.kind === "run").length).toBeGreaterThan(0);
});

const OURS = /^apiVersion: (?:podconfig|watch)\.example\.com\//m;
const ours = pages.flatMap(({ path, fences }) =>
  fences
    .filter(({ info, text }) => info === "yaml" && OURS.test(text))
    .map(({ text, line, comments }) => ({ at: `${path}:${line}`, text, code: comments.includes("refused") ? 1 : 0 })),
);

test("there are objects of ours on the pages", () => {
  expect(ours.length).toBeGreaterThan(4);
});

test.each(ours)("$at is judged by admission as the page says", async ({ text, code }) => {
  const folder = await Folder.with({ "page.yaml": text });
  const said = await folder.run("validate -f ./page.yaml");
  expect([said.code, code === 0 ? said.stdout : ""]).toEqual([code, ""]);
});
