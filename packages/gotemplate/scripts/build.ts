/*
 * Builds what is made from go/: the WebAssembly module, and the native renderer that tests compare it with.
 *
 *   node packages/gotemplate/scripts/build.ts
 *
 * Both are kept in the user's cache, by what they are built from. The module is then put into dist/.
 */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile, findGo, goVersion } from "./go.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "go");
const dist = join(root, "dist");

/** What is built. */
export interface Built {
  /** Path of the WebAssembly module. */
  readonly wasm: string;
  /** Path of the native renderer; without Go there is none. */
  readonly native: string | undefined;
}

/** Builds what is not there yet. @throws an error of one line when Go is missing, and what Go said when it fails. */
export const build = (log: (line: string) => void): Built => {
  const wasm = join(dist, "gotemplate.wasm");
  const go = findGo(process.env);
  const sources = hashOf(source);
  const present = existsSync(wasm) ? readKey() : undefined;
  if (go === undefined) {
    // A module that came with its sources is as good as one built here.
    if (present?.sources === sources) return { wasm, native: undefined };
    throw new Error(
      "packages/gotemplate needs Go 1.26 or newer to be built (https://go.dev/dl), and there is none on PATH",
    );
  }
  const key = { sources, go: goVersion(go) };
  const cached = fillCache(go, key, log);
  if (present?.sources !== key.sources || present.go !== key.go) {
    publish(cached.wasm, wasm);
    writeFileSync(keyFile, `${JSON.stringify(key)}\n`);
  }
  return { wasm, native: cached.native };
};

interface Key {
  readonly sources: string;
  readonly go: string;
}

const keyFile = join(dist, "gotemplate.json");

const readKey = (): Key | undefined => {
  try {
    return JSON.parse(readFileSync(keyFile, "utf8")) as Key;
  } catch {
    return undefined;
  }
};

const fillCache = (go: string, key: Key, log: (line: string) => void) => {
  const base = process.env.XDG_CACHE_HOME || join(process.env.HOME || homedir(), ".cache");
  const name = `${key.go}-${process.platform}-${process.arch}-${key.sources.slice(0, 12)}`;
  const folder = join(base, "podconfigmap-controller", "gotemplate", name);
  const built = { wasm: join(folder, "gotemplate.wasm"), native: join(folder, "gotemplate-native") };
  if (existsSync(built.wasm) && existsSync(built.native)) return built;
  log("building packages/gotemplate with Go (a minute the first time) ...");
  mkdirSync(folder, { recursive: true });
  const staged = compile({ go, source, folder });
  try {
    // Each appears complete or not at all; of two that build at once, the last wins over an equal one.
    renameSync(staged.native, built.native);
    renameSync(staged.wasm, built.wasm);
  } finally {
    staged.remove();
  }
  log(`built ${(statSync(built.wasm).size / 1e6).toFixed(1)} MB of WebAssembly`);
  return built;
};

/** Other processes may be reading the one that is there. */
const publish = (from: string, to: string): void => {
  mkdirSync(dist, { recursive: true });
  const temporary = `${to}.${process.pid}`;
  copyFileSync(from, temporary);
  renameSync(temporary, to);
};

/** Of all files in a folder, and of how they are built. */
const hashOf = (folder: string): string => {
  const hash = createHash("sha256").update(readFileSync(new URL("./go.ts", import.meta.url)));
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const file = join(folder, name);
    if (statSync(file).isFile()) hash.update(`\0${name}\0`).update(readFileSync(file));
  }
  return hash.digest("hex");
};

if (import.meta.main) {
  try {
    build((line) => process.stderr.write(`gotemplate: ${line}\n`));
  } catch (error) {
    process.stderr.write(`gotemplate: ${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  }
}
