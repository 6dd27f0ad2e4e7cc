import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** What a container of an image starts with, as far as images of ours say: https://github.com/opencontainers/image-spec/blob/main/config.md */
export interface ImageConfig {
  readonly User?: string;
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[] | null;
  readonly Env?: readonly string[];
  readonly WorkingDir?: string;
  readonly ExposedPorts?: object;
  readonly Labels?: Readonly<Record<string, string>>;
}

/** An image that is unpacked. */
export interface UnpackedImage {
  readonly architecture: string;
  readonly os: string;
  readonly config: ImageConfig;
  /** Folder with the files of all layers. */
  readonly root: string;
}

interface Descriptor {
  readonly digest: string;
}

/**
 * Unpacks an archive with one image in it, which has no file that a later layer takes away. As root, files have the owners
 * that the image gives them.
 *
 * @param folder - is made
 */
export const unpackArchive = (archive: string, folder: string): UnpackedImage => {
  const [layout, root] = [join(folder, "layout"), join(folder, "root")];
  for (const one of [layout, root]) mkdirSync(one, { recursive: true });
  execFileSync("tar", ["-xf", archive, "-C", layout]);
  const blob = ({ digest }: Descriptor) => join(layout, "blobs", digest.replace(":", "/"));
  const read = (file: string) => JSON.parse(readFileSync(file, "utf8"));
  const { manifests }: { readonly manifests: readonly Descriptor[] } = read(join(layout, "index.json"));
  const [only, ...others] = manifests;
  if (only === undefined || others.length > 0) throw new Error(`${archive} has ${manifests.length} images`);
  const manifest: { readonly config: Descriptor; readonly layers: readonly Descriptor[] } = read(blob(only));
  for (const layer of manifest.layers)
    execFileSync("tar", ["-xpf", blob(layer), "--numeric-owner", "--same-owner", "-C", root]);
  return { ...read(blob(manifest.config)), root };
};

/** What each path below a folder is, the folder too: type and mode, owner, and the contents' hash or the link's target. */
export const treeOf = (root: string): ReadonlyMap<string, string> => {
  const paths = ["", ...readdirSync(root, { recursive: true, encoding: "utf8" })].sort();
  return new Map(paths.map((path) => [`/${path}`, factsOf(join(root, path))]));
};

const factsOf = (path: string): string => {
  const file = lstatSync(path);
  const common = `${file.mode.toString(8)} ${file.uid}:${file.gid}`;
  if (file.isSymbolicLink()) return `${common} -> ${readlinkSync(path)}`;
  if (!file.isFile()) return common;
  return `${common} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`;
};
