import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { BUNDLE, type BundleContents, contentsOf, PROGRAM } from "./bundle.ts";
import { type BaseContents, NODE, writeNotices } from "./image-base.ts";
import { packagesOf } from "./image-debian.ts";
import { goLicenses, kernelLicenses, npmLicenses } from "./image-licenses.ts";
import { findLibrary, type ImageFile, librariesOf, type Machine, NAMES } from "./image-machine.ts";
import type { Metadata } from "./image-metadata.ts";
import { filesBelow, ImageTree } from "./image-tree.ts";
import { sbomsOf } from "./sbom.ts";

const repository = fileURLToPath(new URL("..", import.meta.url));

/** What `Dockerfile` copies, below its context: `<architecture>/manager` and `<architecture>/agent`. */
export const STAGE = "dist/image";

/** What calls into the kernel is koffi's native part and this library. */
const LIBBPF = "libbpf.so.1";

/** glibc's, which every base with Node has, and which fit together in one version only. */
const GLIBC = [
  "libc.so.6",
  "libm.so.6",
  "libdl.so.2",
  "libpthread.so.0",
  "ld-linux-x86-64.so.2",
  "ld-linux-aarch64.so.1",
];

/** Where an image says what is in it: CycloneDX 1.6. */
export const SBOM = "/usr/share/doc/podconfigmap-controller/sbom.cdx.json";

/** Starts the program where somebody types its name: `kubectl exec POD -- pcmc version`. A script may have one flag. */
const LAUNCHER = `#!${NODE} --max-semi-space-size=1
import "/pcmc/${PROGRAM}";
`;

/** What tells one bundle from another. */
export const bundleDigest = (): string => {
  const hash = createHash("sha256");
  for (const path of filesBelow(BUNDLE)) hash.update(`${path}\0`).update(readFileSync(join(BUNDLE, path)));
  return hash.digest("hex");
};

export interface StageOptions {
  readonly machine: Machine;
  readonly metadata: Metadata;
  /** What the base image has, or what it is called where that is all that is known. */
  readonly base: BaseContents | string;
}

/** What is in the bundle. @throws when there is none. */
export const bundleContents = (): BundleContents => {
  const file = contentsOf(BUNDLE);
  if (!existsSync(file) || !existsSync(join(BUNDLE, PROGRAM))) throw new Error(`${BUNDLE} is not there: make bundle`);
  return JSON.parse(readFileSync(file, "utf8")) as BundleContents;
};

/**
 * Writes what the images of one architecture have beside their base: the manager's into `<folder>/manager`, what the agent's
 * has over that into `<folder>/agent`; in each the list of what is in the image.
 *
 * @param folder - an empty one
 */
export const stage = (folder: string, { machine, metadata, base }: StageOptions): void => {
  const contents = bundleContents();
  const manager = new ImageTree(join(folder, "manager"));
  const agent = new ImageTree(join(folder, "agent"));
  const ofAgent = agentFiles(contents, machine);
  for (const path of filesBelow(BUNDLE)) {
    const source = join(BUNDLE, path);
    if (ofAgent.has(path)) agent.copy(source, `/pcmc/${path}`);
    // What is left there is of the other architecture.
    else if (!/^(dist\/bpf|src\/build)\//.test(path)) manager.copy(source, `/pcmc/${path}`);
  }
  manager.copy(join(repository, "LICENSE"), "/pcmc/LICENSE");
  const engine = goLicenses(join(BUNDLE, "dist/gotemplate.wasm"));
  for (const { source, path } of [...npmLicenses(contents.packages), ...engine]) manager.copy(source, path);
  for (const { source, path } of [...npmLicenses(contents.agent.packages), ...kernelLicenses()])
    agent.copy(source, path);
  manager.write("/pcmc/bin/pcmc", LAUNCHER, 0o755);
  manager.link("/usr/bin/pcmc", "/pcmc/bin/pcmc");
  const libraries = stageLibraries(agent, machine, typeof base === "string" ? [] : base.files);
  const sbom = sbomsOf({ machine, metadata, base, libraries, bundle: contents, folder: BUNDLE });
  manager.write(SBOM, sbom.manager);
  agent.write(SBOM, sbom.agent);
};

/** Paths in the bundle of what is the agent's alone, of one architecture. */
const agentFiles = ({ agent }: BundleContents, { architecture }: Machine): Set<string> => {
  const { node, bpf } = NAMES[architecture];
  const programs = filesBelow(join(BUNDLE, "dist/bpf", bpf)).map((name) => `dist/bpf/${bpf}/${name}`);
  if (programs.length === 0) throw new Error(`${BUNDLE} has no programs for the kernel: make bundle`);
  return new Set([
    ...agent.files.map((name) => `src/${name}`),
    ...programs,
    `src/build/koffi/linux_${node}/koffi.node`,
  ]);
};

/** libbpf and what it is linked to, without what the base has: glibc at least, of which there may be one. */
const stageLibraries = (tree: ImageTree, machine: Machine, base: readonly ImageFile[]): BaseContents => {
  const libbpf = findLibrary(machine, LIBBPF);
  const isThere = new Set([...GLIBC, ...base.map(({ path }) => basename(path))]);
  const files = [libbpf, ...librariesOf(machine, [libbpf.source])].filter(({ path }) => !isThere.has(basename(path)));
  for (const { source, path } of files) tree.copy(source, path);
  const packages = packagesOf(machine, files);
  writeNotices(tree, machine, packages);
  return { files, packages };
};
