import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { arch, execPath } from "node:process";
import { readElf } from "@pcmc/devcluster";

/** As container images call them. */
export const ARCHITECTURES = ["amd64", "arm64"] as const;
export type Architecture = (typeof ARCHITECTURES)[number];

/** What the rest of the world calls an architecture. */
export const NAMES = {
  amd64: { node: "x64", bpf: "x86_64", triplet: "x86_64-linux-gnu" },
  arm64: { node: "arm64", bpf: "arm64", triplet: "aarch64-linux-gnu" },
} as const satisfies Record<Architecture, object>;

/** This machine's; undefined where no node of ours runs on it. */
export const ownArchitecture = (): Architecture | undefined => ARCHITECTURES.find((name) => NAMES[name].node === arch);

/** Where the files of an image come from: this machine, or the unpacked packages of another architecture. */
export interface Machine {
  readonly architecture: Architecture;
  /** Folder that stands for `/`. */
  readonly root: string;
  /** Node's executable. */
  readonly node: string;
}

/** This one. @throws where no image of ours runs on it. */
export const ownMachine = (): Machine => {
  const architecture = ownArchitecture();
  if (architecture === undefined)
    throw new Error(`there are images for ${ARCHITECTURES.join(" and ")}, not for ${arch}`);
  return { architecture, root: "/", node: execPath };
};

/** A file of an image. */
export interface ImageFile {
  /** Path in the image. */
  readonly path: string;
  /** Where it is here. */
  readonly source: string;
}

/** glibc looks for libraries here when there is no /etc/ld.so.cache; the first is Debian's, the others are everyone else's. */
const libraryFolders = (architecture: Architecture): readonly string[] => {
  const { triplet } = NAMES[architecture];
  return [`/usr/lib/${triplet}`, `/lib/${triplet}`, "/usr/lib64", "/lib64", "/usr/lib", "/lib"];
};

/** @throws when it is not there. */
export const findLibrary = ({ root, architecture }: Machine, name: string): ImageFile => {
  const paths = libraryFolders(architecture).map((folder) => join(folder, name));
  const path = paths.find((one) => existsSync(join(root, one)));
  if (path === undefined) throw new Error(`${name} for ${architecture} is not there${hint(name)}`);
  return { path, source: join(root, path) };
};

const hint = (name: string): string => (name === "libbpf.so.1" ? ": apt-get install libbpf1" : "");

/**
 * The libraries that files are linked to, and those that they are linked to, with the dynamic linker; sorted by path.
 *
 * @throws when one is missing, or is of another architecture.
 */
export const librariesOf = (machine: Machine, files: readonly string[]): ImageFile[] => {
  const found = new Map<string, ImageFile>();
  const pending = [...files];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    const { needed, interpreter } = elfOf(machine, file);
    const linker = interpreter === undefined ? [] : [{ path: interpreter, source: join(machine.root, interpreter) }];
    // The dynamic linker is there under its own path already: nothing looks for it elsewhere.
    const libraries = needed.filter((name) => !name.startsWith("ld-linux")).map((name) => findLibrary(machine, name));
    for (const library of [...linker, ...libraries]) {
      if (found.has(library.path)) continue;
      found.set(library.path, library);
      pending.push(library.source);
    }
  }
  return [...found.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
};

const elfOf = ({ architecture }: Machine, file: string) => {
  const elf = readElf(file);
  if (elf?.architecture === architecture) return elf;
  throw new Error(
    `${basename(file)} is ${elf === undefined ? "no executable" : elf.architecture}, not ${architecture}`,
  );
};
