/*
 * Invariants of the licence texts in images:
 * - what the list of an image names with a licence has its text in that image;
 * - a text that a copyright file only points to is there, where it points to;
 * - what has no text ends the build: no image leaves without;
 * - `LICENSES` has the text of each licence that a file of the checkout names, and no other; the programs for the kernel name
 *   those that their list has.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { findGo } from "../../../../packages/gotemplate/scripts/go.ts";
import { type BaseContents, NODE_COPYRIGHT, writeBase, writeNotices } from "../../../../scripts/image-base.ts";
import { packagesOf } from "../../../../scripts/image-debian.ts";
import {
  commonLicenses,
  commonLicensesIn,
  goLicenses,
  KERNEL_LICENSE,
  kernelLicenses,
  LICENSES,
  nodeLicense,
  npmLicenses,
} from "../../../../scripts/image-licenses.ts";
import { findLibrary, librariesOf, ownArchitecture, ownMachine } from "../../../../scripts/image-machine.ts";
import { filesBelow, ImageTree } from "../../../../scripts/image-tree.ts";
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

/** Each is a file with a licence's text, and no link to one. Gives back their names. */
const pointedToBelow = (folder: string): Set<string> => {
  const copyrights = filesBelow(folder).filter((path) => /^usr\/share\/doc\/.*\/copyright$/.test(path));
  const names = new Set(copyrights.flatMap((path) => commonLicensesIn(readFileSync(join(folder, path), "utf8"))));
  for (const name of names) {
    const file = join(folder, "usr/share/common-licenses", name);
    expect(lstatSync(file).isFile(), name).toBe(true);
    expect(readFileSync(file, "utf8"), name).toMatch(/licen[cs]e/i);
  }
  return names;
};

describe.skipIf(!onNode)(`the base${notHere}`, () => {
  let folder: string;
  let packages: BaseContents["packages"];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "pcmc-base-"));
    packages = writeBase(folder, ownMachine()).packages;
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  test("has Node's text and that of each Debian package in it", () => {
    const text = readFileSync(join(folder, NODE_COPYRIGHT), "utf8");
    for (const part of ["Node.js is licensed", "OpenSSL", "V8"]) expect(text).toContain(part);
    const files = filesBelow(folder);
    for (const { component } of packages.map(debianPart)) {
      expect(files).toContain(`usr/share/doc/${component.name}/copyright`);
    }
  });

  test("has each text that a copyright file in it points to, and no other of Debian's", () => {
    const names = pointedToBelow(folder);
    // Of glibc, without which there is no base; not where there is no dpkg.
    if (packages.length > 0) expect([...names]).toEqual(expect.arrayContaining(["GPL-2", "LGPL-2.1"]));
    expect(filesBelow(folder).filter((path) => path.includes("common-licenses"))).toHaveLength(names.size);
  });
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

describe("the texts that Debian's copyright files point to", () => {
  const hasLibbpf = (): boolean => {
    try {
      return findLibrary(ownMachine(), "libbpf.so.1") !== undefined;
    } catch {
      return false;
    }
  };
  const noAgent = onNode && hasLibbpf() ? "" : " (skipped: it needs Linux on amd64 or arm64, and libbpf1)";

  test.skipIf(noAgent)(`are with the agent's libraries, which may be on a base that has none${noAgent}`, () => {
    const folder = temporary();
    const machine = ownMachine();
    const libbpf = findLibrary(machine, "libbpf.so.1");
    const packages = packagesOf(machine, [libbpf, ...librariesOf(machine, [libbpf.source])]);
    writeNotices(new ImageTree(folder), machine, packages);
    const names = pointedToBelow(folder);
    if (packages.length > 0) expect([...names]).toEqual(expect.arrayContaining(["GPL-2", "LGPL-2.1", "LGPL-3"]));
  });

  test.each([
    ["can be found in `/usr/share/common-licenses/LGPL-2.1'.", ["LGPL-2.1"]],
    [
      "found in /usr/share/common-licenses/GPL.\nThe Artistic one in /usr/share/common-licenses/Artistic",
      ["Artistic", "GPL"],
    ],
    ['"/usr/share/common-licenses/GPL-2", or /usr/share/common-licenses/GPL-2.', ["GPL-2"]],
    ["texts are in /usr/share/common-licenses/", []],
  ])("%j points to %j", (copyright, names) => {
    expect(commonLicensesIn(copyright)).toEqual(names);
  });

  test("a text that is not there is named", () => {
    const root = temporary();
    const copyright = join(root, "copyright");
    writeFileSync(copyright, "see /usr/share/common-licenses/Nobody-1.0.");
    const machine = { architecture: "amd64", root, node: process.execPath } as const;
    expect(() => commonLicenses(machine, [copyright])).toThrow("/usr/share/common-licenses/Nobody-1.0 is not there");
    mkdirSync(join(root, "usr/share/common-licenses"), { recursive: true });
    const text = join(root, "usr/share/common-licenses/Nobody-1.0");
    writeFileSync(text, "text");
    const path = "/usr/share/common-licenses/Nobody-1.0";
    expect(commonLicenses(machine, [copyright])).toEqual([{ source: text, path }]);
  });
});

describe("our own licences", () => {
  const OURS = ["Apache-2.0", "BSD-2-Clause", "GPL-2.0-only"];
  const bpf = join(repository, "packages/operator/bpf");
  const textOf = (name: string) => readFileSync(join(repository, "LICENSES", `${name}.txt`), "utf8");

  test("LICENSES has the text of each by its SPDX name, and that of the whole is LICENSE", () => {
    expect(readdirSync(join(repository, "LICENSES")).sort()).toEqual(OURS.map((name) => `${name}.txt`));
    expect(textOf("Apache-2.0")).toBe(readFileSync(join(repository, "LICENSE"), "utf8"));
    expect(textOf("GPL-2.0-only")).toMatch(/GNU GENERAL PUBLIC LICENSE\s+Version 2, June 1991/);
    expect(textOf("GPL-2.0-only")).toContain("END OF TERMS AND CONDITIONS");
    expect(textOf("BSD-2-Clause")).toMatch(
      /^Copyright \(c\) .*\n[\s\S]*binary form must reproduce the above copyright/,
    );
  });

  test("each source of the programs for the kernel names the two that their list has", () => {
    const heads = readdirSync(bpf).map((file) => {
      const [head = ""] = readFileSync(join(bpf, file), "utf8").split("\n");
      return /SPDX-License-Identifier:\s\(([^)]*)\)/.exec(head)?.[1];
    });
    expect(heads.length).toBeGreaterThan(2);
    expect(new Set(heads)).toEqual(new Set([KERNEL_LICENSE]));
  });

  test("both texts are with these programs, and the choice is what the kernel is told", () => {
    const files = kernelLicenses();
    expect(files.map(({ path }) => path)).toEqual([
      "/pcmc/LICENSES/GPL-2.0-only.txt",
      "/pcmc/LICENSES/BSD-2-Clause.txt",
    ]);
    for (const { source } of files) expect(existsSync(source)).toBe(true);
    for (const file of readdirSync(bpf).filter((name) => name.endsWith(".c")))
      expect(readFileSync(join(bpf, file), "utf8")).toContain('SEC("license") = "Dual BSD/GPL"');
  });

  test("all else is under the one of the packages, by REUSE.toml", () => {
    const { license } = JSON.parse(readFileSync(join(repository, "packages/operator/package.json"), "utf8"));
    const annotations = readFileSync(join(repository, "REUSE.toml"), "utf8");
    expect(annotations).toContain('path = "**"\n');
    expect(/SPDX-License-Identifier\s= "(.*)"/.exec(annotations)?.[1]).toBe(license);
  });
});
