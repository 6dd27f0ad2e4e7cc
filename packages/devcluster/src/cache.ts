import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Binary, goBuild } from "./binaries.ts";
import { poll } from "./poll.ts";
import { identify, isAlive, type ProcessIdentity } from "./process-identity.ts";
import { helmModule, type KubernetesVersion, kwokModule, requiredVersion } from "./versions.ts";

/** Longer than any build. Milliseconds. */
const LOCK_TIMEOUT = 60 * 60_000;

/**
 * The place of one program in the user's cache. It is keyed by what it is built from, so a checkout with other pins
 * never sees it, and it appears there complete or not at all.
 */
export class BinaryCache {
  /** Where the program is, or will be. */
  readonly path: string;
  readonly #folder: string;
  readonly #binary: Binary;

  constructor(binary: Binary, version: KubernetesVersion, env: NodeJS.ProcessEnv) {
    const root = env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache");
    const { module } = goBuild(binary, version);
    const { group, name } = placeOf(binary, version);
    const key = `${name}-${goOs()}-${goArch()}-${hashModule(module)}`;
    this.#folder = join(root, "podconfigmap-controller", group, key);
    this.#binary = binary;
    this.path = join(this.#folder, binary);
  }

  /** Whether it is there. */
  has(): boolean {
    return existsSync(this.path);
  }

  /**
   * Puts the program there. `produce` writes it to the path it is given; of several processes that ask at once, one
   * produces and the others wait.
   */
  async fill(signal: AbortSignal | undefined, produce: (target: string) => Promise<void>): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const unlock = await this.#lock(signal);
    try {
      if (this.has()) return;
      this.#removeLeftovers();
      const staging = await mkdtemp(join(this.#folder, `.${this.#binary}-`));
      try {
        const target = join(staging, this.#binary);
        await produce(target);
        await rename(target, this.path);
      } finally {
        await rm(staging, { recursive: true, force: true });
      }
    } finally {
      unlock();
    }
  }

  /** What a holder of the lock that was killed left behind. */
  #removeLeftovers(): void {
    for (const name of readdirSync(this.#folder)) {
      if (name.startsWith(`.${this.#binary}-`)) rmSync(join(this.#folder, name), { recursive: true, force: true });
    }
  }

  /**
   * A file that names its holder. It only saves work: were two ever to hold it, both would produce, and the last
   * rename would win over an equal file.
   */
  async #lock(signal: AbortSignal | undefined): Promise<() => void> {
    const file = join(this.#folder, `${this.#binary}.lock`);
    await poll(async () => (takeLock(file) ? true : undefined), {
      timeout: LOCK_TIMEOUT,
      interval: 200,
      what: `another process gives ${file} free`,
      signal,
    });
    return () => rmSync(file, { force: true });
  }
}

/** The folder of what belongs together, and its version. */
const placeOf = (binary: Binary, version: KubernetesVersion): { readonly group: string; readonly name: string } => {
  if (binary === "kwok") return { group: "kwok", name: requiredVersion(kwokModule, "sigs.k8s.io/kwok") };
  if (binary === "helm") return { group: "helm", name: requiredVersion(helmModule, "helm.sh/helm/v4") };
  return { group: "kubernetes", name: version.full };
};

const takeLock = (file: string): boolean => {
  try {
    writeFileSync(file, JSON.stringify(identify(process.pid)), { flag: "wx" });
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  const holder = readHolder(file);
  if (holder && !isAlive(holder)) rmSync(file, { force: true });
  return false;
};

const readHolder = (file: string): ProcessIdentity | undefined => {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ProcessIdentity;
  } catch {
    // Released just now, or not yet written.
    return undefined;
  }
};

/** Twelve hexadecimal digits of what pins a build: the module files and the commands of our own. */
const hashModule = (module: string): string => {
  const hash = createHash("sha256");
  const files = readdirSync(module, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(mod|sum|go)$/.test(name),
  );
  for (const name of files.sort())
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(module, name)))
      .update("\0");
  return hash.digest("hex").slice(0, 12);
};

/** This platform as Go and the release pages call it. */
export const goOs = (): string => (process.platform === "win32" ? "windows" : process.platform);

/** This processor as Go and the release pages call it. */
export const goArch = (): string => (process.arch === "x64" ? "amd64" : process.arch);
