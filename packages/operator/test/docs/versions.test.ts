/*
 * Invariants:
 * - Packages, what they ask of one another, the chart, the images that manifests and examples name, and the newest entry of the
 *   changelog have one version.
 * - The page about compatibility says of just the versions of Kubernetes that the dev cluster has that they are tested.
 */
import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { ROOT } from "../../../../scripts/docs/pages.ts";
import { version } from "../../src/cli/version.ts";

const textOf = (file: string): string => readFileSync(`${ROOT}${file}`, "utf8");
const filesOf = (pattern: string): readonly string[] => globSync(pattern, { cwd: ROOT });

test("packages have the program's version, and ask for it of one another", () => {
  const manifests = ["package.json", ...filesOf("packages/*/package.json")];
  expect(manifests.length).toBeGreaterThan(5);
  for (const file of manifests) {
    const { name, version: own, dependencies, devDependencies } = JSON.parse(textOf(file));
    if (file !== "package.json") expect([name, own]).toEqual([name, version]);
    const ours = Object.entries({ ...dependencies, ...devDependencies }).filter(([of]) => of.startsWith("@pcmc/"));
    for (const [of, asked] of ours) expect([file, of, asked]).toEqual([file, of, version]);
  }
});

test("the chart and its images have it too", () => {
  const { version: chart, appVersion } = parse(textOf("chart/Chart.yaml"));
  expect([chart, appVersion]).toEqual([version, version]);
});

test("manifests and examples name images of that version", () => {
  const files = [...filesOf("manifests/*.yaml"), ...filesOf("examples/*.yaml")];
  const images = files.flatMap((file) =>
    [...textOf(file).matchAll(/image: "?(\S*podconfigmap-controller[^:\s"]*):([^"\s]+)/g)].map(([, , tag]) => [
      file,
      tag,
    ]),
  );
  expect(images.length).toBeGreaterThan(1);
  for (const [file, tag] of images) expect([file, tag]).toEqual([file, version]);
});

test("the changelog's newest version is this one", () => {
  const [newest] = [...textOf("CHANGELOG.md").matchAll(/^## \[(\d[^\]]*)\]/gm)].map(([, found]) => found);
  expect(newest).toBe(version);
});

test("the page about compatibility names the versions of Kubernetes that the dev cluster has", () => {
  const tested = [...textOf("docs/explanation/compatibility.md").matchAll(/^\| (1\.\d+) \|/gm)].map(
    ([, found]) => found,
  );
  const had = filesOf("packages/devcluster/go/1.*").map((folder) => folder.split("/").at(-1));
  expect(tested.toSorted()).toEqual(had.toSorted());
});
