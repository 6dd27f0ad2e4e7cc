/*
 * Invariants of the licence texts in images:
 * - what the list of an image names with a licence, and is not our own, has its text in that image;
 * - what has no text ends the build: no image leaves without.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { findGo } from "../../../../packages/gotemplate/scripts/go.ts";
import { NODE_COPYRIGHT, writeBase } from "../../../../scripts/image-base.ts";
import { goLicenses, LICENSES, nodeLicense, npmLicenses } from "../../../../scripts/image-licenses.ts";
import { ownArchitecture, ownMachine } from "../../../../scripts/image-machine.ts";
import { filesBelow } from "../../../../scripts/image-tree.ts";
import { debianPart, npmPart, templateEngine } from "../../../../scripts/sbom-parts.ts";

const repository = fileURLToPath(new URL("../../../..", import.meta.url));
const WASM = join(repository, "packages/gotemplate/dist/gotemplate.wasm");
const onNode = process.platform === "linux" && ownArchitecture() !== undefined;
const notHere = onNode ? "" : " (skipped: it needs Linux on amd64 or arm64)";
const withoutGo = findGo(process.env) === undefined ? " (skipped: there is no Go on PATH)" : "";

const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "pcmc-licenses-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
};

/** Has types alone, of which nothing gets into a bundle. */
const TYPES = "kubernetes-types";

/** Names of what has a text that is a licence's. */
const namesIn = (files: readonly { readonly path: string; readonly source: string }[]): Set<string> =>
  new Set(
    files
      .filter(({ source }) => /copyright|licen[cs]e/i.test(readFileSync(source, "utf8")))
      .map(({ path }) => path.slice(LICENSES.length + 1).replace(/\/[^/]+$/, "")),
  );

test("each npm package that the program depends on has its text, by the name that the list has", () => {
  const own = readdirSync(join(repository, "packages")).map((name) => join(repository, "packages", name));
  const names = own.flatMap((folder) =>
    Object.keys(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).dependencies ?? {}),
  );
  // What prom-client depends on is in the bundle too.
  const folders = [...names, "@opentelemetry/api"]
    .filter((name) => !name.startsWith("@pcmc/") && name !== TYPES)
    .map((name) => `node_modules/${name}`);
  expect(folders).toContain("node_modules/koffi");
  expect([...namesIn(npmLicenses(folders))].sort()).toEqual(
    [...new Set(folders.map((folder) => npmPart(folder).component.name))].sort(),
  );
});

test.skipIf(withoutGo)(`each Go module in the template engine has its text, and so has Go itself${withoutGo}`, () => {
  const listed = templateEngine(WASM).dependsOn.map(({ component }) => component.name);
  expect(listed).toContain("stdlib");
  expect([...namesIn(goLicenses(WASM))].sort()).toEqual(listed.sort());
});

test.skipIf(!onNode)(`the base has Node's text and that of each Debian package in it${notHere}`, () => {
  const folder = temporary();
  const { packages } = writeBase(folder, ownMachine());
  const text = readFileSync(join(folder, NODE_COPYRIGHT), "utf8");
  for (const part of ["Node.js is licensed", "OpenSSL", "V8"]) expect(text).toContain(part);
  const files = filesBelow(folder);
  for (const { component } of packages.map(debianPart)) {
    expect(files).toContain(`usr/share/doc/${component.name}/copyright`);
  }
});

test("an npm package without a text is named", () => {
  const folder = temporary();
  writeFileSync(join(folder, "NOTICE"), "a notice is no licence");
  const below = `${"../".repeat(repository.split("/").length - 2)}${folder.slice(1)}`;
  expect(existsSync(join(repository, below))).toBe(true);
  expect(() => npmLicenses([below])).toThrow(/^the licence of .* is not in /);
});

test("a Node whose text is not found is refused", () => {
  const root = temporary();
  mkdirSync(join(root, "package/bin"), { recursive: true });
  const machine = { architecture: "amd64", root, node: join(root, "package/bin/node") } as const;
  expect(() => nodeLicense(machine)).toThrow("Node's licence is none of");
  writeFileSync(join(root, "package/LICENSE"), "text");
  expect(nodeLicense(machine)).toBe(join(root, "package/LICENSE"));
});
