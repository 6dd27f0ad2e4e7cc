/*
 * Invariants of the lists of what is in the images:
 * - they are CycloneDX 1.6, by its own schema in its strict form;
 * - what is in the bundle is in them: npm packages by what esbuild read, Go modules by what the WebAssembly module says;
 * - what only the agent has is in the agent's alone;
 * - the same parts give the same text, other parts another serial number.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { afterAll, describe, expect, test } from "vitest";
import { type SbomOptions, sbomsOf } from "../../../../scripts/sbom.ts";
import { bomOf } from "../../../../scripts/sbom-cyclonedx.ts";
import { goBuildOf } from "../../../../scripts/sbom-go.ts";
import { debianPart, GO_LICENSES, npmPart, part } from "../../../../scripts/sbom-parts.ts";

const pathOf = (file: string) => fileURLToPath(new URL(`../../../../${file}`, import.meta.url));
const WASM = pathOf("packages/gotemplate/dist/gotemplate.wasm");

/** What of a bundle is looked at, where a bundle has it. */
const folder = mkdtempSync(join(tmpdir(), "pcmc-sbom-"));
mkdirSync(join(folder, "dist"));
cpSync(WASM, join(folder, "dist/gotemplate.wasm"));
cpSync(pathOf("packages/operator/dist/bpf"), join(folder, "dist/bpf"), { recursive: true });
afterAll(() => rmSync(folder, { recursive: true }));

const DEBIAN = {
  ...{
    name: "libelf1",
    version: "1:0.188-2.1+b1",
    architecture: "amd64",
    source: "elfutils",
    sourceVersion: "0.188-2.1",
  },
  ...{ maintainer: "Debian <debian@example.com>", license: "Zlib", copyright: undefined },
};

const options: SbomOptions = {
  folder,
  machine: { architecture: "amd64", root: "/", node: process.execPath },
  metadata: { revision: "abc", epoch: 1_700_000_000 },
  base: { files: [], packages: [{ ...DEBIAN, name: "libc6" }] },
  libraries: { files: [], packages: [DEBIAN] },
  bundle: { packages: ["node_modules/commander"], agent: { files: [], packages: ["node_modules/koffi"] } },
};

interface Listed {
  readonly serialNumber: string;
  readonly metadata: {
    readonly timestamp: string;
    readonly component: { readonly licenses?: readonly { readonly expression: string }[] };
  };
  readonly components: readonly { readonly name: string; readonly version?: string; readonly purl?: string }[];
}

const listed = (text: string): Listed => JSON.parse(text);

const namesIn = (text: string) => listed(text).components.map(({ name }) => name);

describe("the list of an image", () => {
  const { manager, agent } = sbomsOf(options);

  test.each(Object.entries({ manager, agent, foreign: sbomsOf({ ...options, base: "example.com/base:1" }).manager }))(
    "%s: the schema of CycloneDX 1.6 accepts it",
    async (_, text) => {
      const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
      expect(await validator.validate(text)).toBeNull();
      // It would say so.
      expect(await validator.validate(text.replace('"library"', '"libary"'))).not.toBeNull();
    },
  );

  test("names Node in its version, the npm packages, the Go modules and the libraries of both", () => {
    const { version } = JSON.parse(readFileSync(pathOf("node_modules/commander/package.json"), "utf8"));
    const { components } = listed(manager);
    expect(components).toContainEqual(expect.objectContaining({ name: "node", version: process.versions.node }));
    expect(components).toContainEqual(expect.objectContaining({ purl: `pkg:npm/commander@${version}` }));
    for (const { path, version: of } of goBuildOf(readFileSync(WASM)).modules) {
      expect(components).toContainEqual(expect.objectContaining({ name: path, version: of }));
    }
    expect(namesIn(manager)).toContain("libc6");
    for (const name of namesIn(manager)) expect(namesIn(agent)).toContain(name);
  });

  test("names koffi, libelf and the programs for the kernel for the agent alone", () => {
    const agents = ["koffi", "libelf1", "/pcmc/dist/bpf/x86_64/firewall.bpf.o", "/pcmc/dist/bpf/x86_64/syscalls.bpf.o"];
    expect(
      namesIn(agent)
        .filter((name) => !namesIn(manager).includes(name))
        .sort(),
    ).toEqual(agents.sort());
  });

  test("names both licences of the programs for the kernel, and where their texts are", () => {
    const component = listed(agent).components.find(({ name }) => name.endsWith("/firewall.bpf.o"));
    expect(component).toMatchObject({
      licenses: [{ expression: "GPL-2.0-only OR BSD-2-Clause" }],
      externalReferences: [
        { type: "license", url: "file:///pcmc/LICENSES/GPL-2.0-only.txt" },
        { type: "license", url: "file:///pcmc/LICENSES/BSD-2-Clause.txt" },
      ],
    });
  });

  test("says of each image the licences that its label in Dockerfile says", () => {
    const labels = readFileSync(pathOf("Dockerfile"), "utf8").matchAll(/image\.licenses="([^"]*)"/g);
    const expressions = [manager, agent].map((text) => listed(text).metadata.component.licenses?.[0]?.expression);
    expect([...labels].map(([, expression]) => expression)).toEqual(expressions);
    expect(expressions).toEqual(["Apache-2.0", "Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)"]);
  });

  test("names a base that is another's, and nothing of what is in that", () => {
    const names = namesIn(sbomsOf({ ...options, base: "example.com/base:1" }).manager);
    expect(names).toContain("example.com/base:1");
    expect(names).not.toContain("libc6");
    expect(names).not.toContain("node");
  });

  test("has the time of the commit, and is the same when it is made again", () => {
    expect(listed(manager).metadata.timestamp).toBe("2023-11-14T22:13:20Z");
    expect(sbomsOf(options)).toEqual({ manager, agent });
    const other = sbomsOf({ ...options, base: { files: [], packages: [] } }).manager;
    expect(listed(other).serialNumber).not.toBe(listed(manager).serialNumber);
  });
});

test("a part that several depend on is listed once, and everything that is depended on is listed", () => {
  const of = (name: string) => ({ type: "library", "bom-ref": name, name }) as const;
  const shared = part(of("shared"));
  const { components, dependencies } = bomOf(
    part(of("root"), [part(of("b"), [shared]), part(of("a"), [shared])]),
    "1970-01-01T00:00:00Z",
  );
  expect(components.map(({ name }) => name)).toEqual(["a", "b", "shared"]);
  expect(dependencies).toEqual([
    { ref: "a", dependsOn: ["shared"] },
    { ref: "b", dependsOn: ["shared"] },
    { ref: "root", dependsOn: ["a", "b"] },
    { ref: "shared", dependsOn: [] },
  ]);
});

describe("what names a package", () => {
  test("the scope of an npm package is no version", () => {
    expect(npmPart("node_modules/@opentelemetry/api").component.purl).toMatch(/^pkg:npm\/%40opentelemetry\/api@\d/);
  });

  test("a Debian version's epoch and plus are encoded", () => {
    expect(debianPart(DEBIAN).component.purl).toMatch(
      /libelf1@1%3A0\.188-2\.1%2Bb1\?arch=amd64(&distro=[^&]+)?&upstream=elfutils$/,
    );
  });

  test("the licence of every Go module in the template engine is known", () => {
    const { modules, go } = goBuildOf(readFileSync(WASM));
    expect(modules.length).toBeGreaterThan(5);
    expect(modules.filter(({ path }) => GO_LICENSES[path] === undefined)).toEqual([]);
    expect(go).toMatch(/^1\.\d+\.\d+$/);
  });

  test("what is not built by Go is refused", () => {
    expect(() => goBuildOf(Buffer.from("\0asm"))).toThrow("does not say what Go built it from");
  });
});
