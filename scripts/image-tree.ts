import { chmodSync, copyFileSync, lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * A folder that becomes part of an image. Modes are the same whatever the umask and the sources' are: 755 for folders and
 * programs, 644 for the rest. Times and owners are the builder's to set.
 */
export class ImageTree {
  readonly #root: string;

  /** @param root - made when it is not there */
  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { recursive: true });
    chmodSync(root, 0o755);
  }

  /** Copies a file, or what a link stands for, to a path of the image. */
  copy(source: string, path: string, mode = 0o644): void {
    const target = this.#prepare(path);
    copyFileSync(source, target);
    chmodSync(target, mode);
  }

  write(path: string, content: string, mode = 0o644): void {
    const target = this.#prepare(path);
    writeFileSync(target, content);
    chmodSync(target, mode);
  }

  link(path: string, target: string): void {
    symlinkSync(target, this.#prepare(path));
  }

  folder(path: string, mode: number): void {
    const folder = this.#prepare(path);
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, mode);
  }

  #prepare(path: string): string {
    let folder = this.#root;
    for (const name of dirname(path).split("/").filter(Boolean)) {
      folder = join(folder, name);
      mkdirSync(folder, { recursive: true });
      chmodSync(folder, 0o755);
    }
    return join(this.#root, path);
  }
}

/** Paths of the files below a folder, relative to it, sorted by their bytes: no locale decides. */
export const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

/** Sum of the sizes of the files below a folder, bytes. */
export const sizeBelow = (folder: string): number =>
  filesBelow(folder).reduce((sum, path) => sum + lstatSync(join(folder, path)).size, 0);
