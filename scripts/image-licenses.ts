import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findGo } from "../packages/gotemplate/scripts/go.ts";
import { type ImageFile, type Machine, NAMES } from "./image-machine.ts";
import { type GoModule, goBuildOf } from "./sbom-go.ts";

/*
 * The licences' texts of what is in an image and of no Debian package. All these licences want their text to go with the program.
 */

const repository = fileURLToPath(new URL("..", import.meta.url));
const goModule = join(repository, "packages/gotemplate/go");

/** Where an image has the texts: in a folder by the name that its list of contents has. */
export const LICENSES = "/usr/share/doc/podconfigmap-controller/licenses";

/** Where Debian has the texts of licences that many packages have: their copyright files only point there. */
const COMMON_LICENSES = "/usr/share/common-licenses";

/** What the heads of the files in packages/operator/bpf leave to choose from. Some of the kernel's functions are for the GPL alone. */
const KERNEL_LICENSES = ["GPL-2.0-only", "BSD-2-Clause"] as const;
export const KERNEL_LICENSE = KERNEL_LICENSES.join(" OR ");

/** Notices and grants of patents belong to the licence. */
const IS_TEXT = /^(licen[cs]e|copying|notice|patents)([-.]|$)/i;
const IS_LICENSE = /^(licen[cs]e|copying)/i;

/** Of the programs for the kernel: `LICENSES` has each licence by its SPDX name, as https://reuse.software/spec-3.3/ wants it. */
export const kernelLicenses = (): ImageFile[] =>
  KERNEL_LICENSES.map((name) => ({
    source: join(repository, `LICENSES/${name}.txt`),
    path: `/pcmc/LICENSES/${name}.txt`,
  }));

/** Names of the licences in Debian's folder that a copyright file points to; sorted. A sentence's full stop is none of a name's. */
export const commonLicensesIn = (copyright: string): string[] => {
  const names = copyright.matchAll(/\/usr\/share\/common-licenses\/([A-Za-z0-9](?:[A-Za-z0-9.+-]*[A-Za-z0-9+])?)/g);
  return [...new Set([...names].flatMap(([, name]) => name ?? []))].sort();
};

/**
 * The texts that copyright files point to.
 *
 * @param copyrights - paths of these files here
 * @throws for a text that is not there
 */
export const commonLicenses = ({ root }: Machine, copyrights: readonly string[]): ImageFile[] => {
  const names = new Set(copyrights.flatMap((file) => commonLicensesIn(readFileSync(file, "utf8"))));
  return [...names].sort().map((name) => {
    const path = `${COMMON_LICENSES}/${name}`;
    // This machine's is as good: they are the same for all architectures.
    const source = [root, "/"].map((folder) => join(folder, path)).find((file) => existsSync(file));
    if (source !== undefined) return { source, path };
    throw new Error(`${path} is not there, and copyright files point to it: apt-get install --reinstall base-files`);
  });
};

/** @throws when a folder has none. */
const textsIn = (folder: string, name: string): ImageFile[] => {
  const files = readdirSync(folder)
    .filter((file) => IS_TEXT.test(file))
    .sort();
  if (!files.some((file) => IS_LICENSE.test(file))) throw new Error(`the licence of ${name} is not in ${folder}`);
  return files.map((file) => ({ source: join(folder, file), path: `${LICENSES}/${name}/${file}` }));
};

/** Of npm packages. @param folders - below the checkout */
export const npmLicenses = (folders: readonly string[]): ImageFile[] =>
  folders.flatMap((folder) => textsIn(join(repository, folder), folder.split("node_modules/").at(-1) ?? folder));

/**
 * Of the Go modules in a program, and of Go's own library, from where they were to build it.
 *
 * @throws without Go, for modules of other versions than `go.mod` names, and with what Go said
 */
export const goLicenses = (program: string): ImageFile[] => {
  const go = findGo(process.env);
  if (go === undefined) throw new Error("the licences of Go modules come with their sources: that needs Go on PATH");
  const { modules } = goBuildOf(readFileSync(program));
  const folders = foldersOf(go, modules);
  const library = textsIn(ask(go, ["env", "GOROOT"]).trim(), "stdlib");
  return [...library, ...modules.flatMap(({ path }) => textsIn(folders.get(path) ?? "", path))];
};

const ask = (go: string, args: readonly string[]): string =>
  execFileSync(go, args, {
    cwd: goModule,
    encoding: "utf8",
    env: { ...process.env, GOWORK: "off", GOFLAGS: "" },
    stdio: ["ignore", "pipe", "inherit"],
  });

/** Go's cache has what it has built; what is there no more, Go downloads again. */
const foldersOf = (go: string, modules: readonly GoModule[]): ReadonlyMap<string, string> => {
  const paths = modules.map(({ path }) => path);
  ask(go, ["mod", "download", ...paths]);
  const lines = ask(go, ["list", "-m", "-f", "{{.Path}}\t{{.Version}}\t{{.Dir}}", ...paths])
    .trim()
    .split("\n");
  const found = new Map(
    lines.map((line) => line.split("\t")).map(([path, version, folder]) => [`${path}@${version}`, folder]),
  );
  return new Map(
    modules.map(({ path, version }) => {
      const folder = found.get(`${path}@${version}`);
      if (!folder) throw new Error(`${path} ${version} is not what packages/gotemplate/go/go.mod names: make wasm`);
      return [path, folder];
    }),
  );
};

/**
 * Node's, with those of all that is linked into it.
 *
 * @throws where none of the usual ways to install Node has left it
 */
export const nodeLicense = ({ node, root, architecture }: Machine): string => {
  const prefix = dirname(dirname(node));
  const npmPackage = `node-linux-${NAMES[architecture].node}`;
  const files = [
    // Of Node's own archive, and so of the npm package that has the executable.
    join(prefix, "LICENSE"),
    // Of the npm package `node`, with that one in it or beside it.
    join(prefix, "node_modules", npmPackage, "LICENSE"),
    join(dirname(prefix), npmPackage, "LICENSE"),
    // Of a Debian package.
    join(root, "usr/share/doc/nodejs/LICENSE"),
    join(root, "usr/share/doc/nodejs/copyright"),
  ];
  const found = files.find((file) => existsSync(file));
  if (found === undefined) throw new Error(`Node's licence is none of ${files.join(", ")}`);
  return found;
};
