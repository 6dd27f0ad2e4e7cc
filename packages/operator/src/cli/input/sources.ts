import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError, type Io } from "../io.ts";

/** A file's name, as it was given, and its text. */
export interface SourceFile {
  readonly file: string;
  readonly text: string;
}

/** How standard input is named in messages. */
const STDIN = "standard input";
/** What kubectl reads of a folder. */
const MANIFEST = /\.(?:ya?ml|json)$/;

/**
 * Reads files as `kubectl -f` does: `-` is standard input, a folder stands for the YAML and JSON files in it. Each is read
 * once, however often it is named, so that one stream can serve several flags.
 */
export class Sources {
  readonly #io: Pick<Io, "stdin" | "uptime">;
  readonly #texts = new Map<string, Promise<string>>();
  #waited = 0;

  constructor(io: Pick<Io, "stdin" | "uptime">) {
    this.#io = io;
  }

  /** Milliseconds that standard input took to come: time of whoever writes it, and of no limit for a command. */
  get waited(): number {
    return this.#waited;
  }

  /** @throws InputError with a line for each that cannot be read. */
  async read(names: readonly string[]): Promise<readonly SourceFile[]> {
    const found = await Promise.allSettled([...new Set(names)].map((name) => this.#expand(name)));
    const files = found.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
    const texts = await Promise.allSettled([...new Set(files)].map((file) => this.#file(file)));
    const failures = [...found, ...texts].flatMap((one) => (one.status === "rejected" ? [messageOf(one.reason)] : []));
    if (failures.length > 0) throw new InputError(failures);
    return texts.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  }

  async #expand(name: string): Promise<readonly string[]> {
    if (name === "-") return [name];
    const found = await stat(name).catch((error: unknown) => {
      throw new Error(`${name}: ${reasonOf(error)}`);
    });
    if (!found.isDirectory()) return [name];
    const files = (await readdir(name)).filter((file) => MANIFEST.test(file)).sort();
    if (files.length === 0) throw new Error(`${name}: no .yaml, .yml or .json file in this folder`);
    return files.map((file) => join(name, file));
  }

  async #file(name: string): Promise<SourceFile> {
    const file = name === "-" ? STDIN : name;
    let text = this.#texts.get(name);
    if (text === undefined) {
      text = this.#text(name, file);
      this.#texts.set(name, text);
    }
    return { file, text: await text };
  }

  async #text(name: string, file: string): Promise<string> {
    const bytes = await (name === "-" ? this.#stdin() : readFile(name)).catch((error: unknown) => {
      throw new Error(`${file}: ${reasonOf(error)}`);
    });
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw new Error(`${file}: not UTF-8 text`);
    }
  }

  async #stdin(): Promise<Buffer> {
    const start = this.#io.uptime();
    try {
      return await this.#io.stdin();
    } finally {
      this.#waited += this.#io.uptime() - start;
    }
  }
}

/** Without the path, which the line names already. */
const reasonOf = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "no such file";
  if (code === "EACCES") return "permission denied";
  return messageOf(error);
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
