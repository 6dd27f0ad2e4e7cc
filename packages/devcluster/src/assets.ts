import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Binary, type BinaryPaths, isExecutable, NODE_BINARIES, TOOL_BINARIES } from "./binaries.ts";
import { buildBinary, findGo, GO_MISSING } from "./build.ts";
import { BinaryCache } from "./cache.ts";
import { Downloader, type DownloadSources, PUBLIC_SOURCES } from "./download.ts";
import { findVersion, type KubernetesVersion, wantedVersion } from "./versions.ts";

/** How long a program may take to say its version on a busy machine. Milliseconds. */
const VERSION_TIMEOUT = 30_000;

/** Where programs come from. */
export interface AssetOptions {
  /** Default: `KUBERNETES_VERSION` of the environment, else the newest that this package has a Go module for. */
  readonly version?: string | undefined;
  /** Default `process.env`: that, `KUBEBUILDER_ASSETS`, `XDG_CACHE_HOME`, `HOME` and `PATH` are read. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Gets one line per thing that takes long. Default: standard error. */
  readonly log?: ((line: string) => void) | undefined;
  /** Default: the projects' own release pages. */
  readonly sources?: DownloadSources | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Writes progress to standard error. */
export const logToStderr = (line: string): void => {
  process.stderr.write(`devcluster: ${line}\n`);
};

/**
 * Finds the programs of a cluster, in this order:
 *
 * 1. the folder `KUBEBUILDER_ASSETS`, which must then hold them all, but for kubelet, kube-proxy and helm: the archives
 *    that such folders are made from have none of these;
 * 2. the user's cache;
 * 3. a download of the release, where there is one and it can be reached;
 * 4. a build from the Go modules of this package, which takes minutes the first time.
 *
 * The last two fill the cache.
 *
 * @throws an error of one line that says which programs are missing and what to do.
 */
export const resolveAssets = async (wanted: readonly Binary[], options: AssetOptions = {}): Promise<BinaryPaths> => {
  const env = options.env ?? process.env;
  const version = findVersion(options.version ?? wantedVersion(env));
  const given = env.KUBEBUILDER_ASSETS ? givenAssets(env.KUBEBUILDER_ASSETS, wanted) : {};
  if (options.version ?? env.KUBERNETES_VERSION) await checkGiven(given, version);
  const others = wanted.filter((binary) => !given[binary]);
  const caches = new Map(others.map((binary) => [binary, new BinaryCache(binary, version, env)]));
  const missing = others.filter((binary) => !caches.get(binary)?.has());
  if (missing.length > 0) await fetchMissing(missing, caches, { ...options, env, found: version });
  return { ...given, ...Object.fromEntries([...caches].map(([binary, cache]) => [binary, cache.path])) };
};

/**
 * Path of helm 4, found or built as {@link resolveAssets} does.
 *
 * @throws an error of one line that says what to do where there is neither helm nor Go.
 */
export const helmPath = async (options: AssetOptions = {}): Promise<string> => {
  const { helm } = await resolveAssets(["helm"], options);
  if (helm === undefined) throw new Error("helm was not found");
  return helm;
};

const givenAssets = (folder: string, wanted: readonly Binary[]): BinaryPaths => {
  const there = wanted.filter((binary) => isExecutable(join(folder, binary)));
  const optional: readonly Binary[] = [...NODE_BINARIES, ...TOOL_BINARIES];
  const missing = wanted.filter((binary) => !there.includes(binary) && !optional.includes(binary));
  if (missing.length > 0) {
    throw new Error(`KUBEBUILDER_ASSETS=${folder} lacks ${missing.join(", ")}: add them there, or unset it`);
  }
  return Object.fromEntries(there.map((binary) => [binary, join(folder, binary)]));
};

/** @throws when an API server that was given is of another minor version than the one that was asked for by name. */
const checkGiven = async (
  { "kube-apiserver": apiServer }: BinaryPaths,
  { minor }: KubernetesVersion,
): Promise<void> => {
  if (apiServer === undefined) return;
  const { stdout } = await promisify(execFile)(apiServer, ["--version"], { timeout: VERSION_TIMEOUT });
  if (stdout.startsWith(`Kubernetes v${minor}.`)) return;
  throw new Error(`${apiServer} is ${stdout.trim()}, not ${minor}, which is asked for: unset KUBEBUILDER_ASSETS`);
};

/** A test whose cluster starts with a build runs into its own deadline: the cause is to be read above. */
const AHEAD = 'to have them before tests run, "pcmc-devcluster assets';

const tools: readonly Binary[] = TOOL_BINARIES;

/** What is missing, in words, and the arguments that get it. Tools are the same for all versions of Kubernetes. */
const described = (missing: readonly Binary[], { full, minor }: KubernetesVersion) =>
  missing.every((binary) => tools.includes(binary))
    ? { what: missing.join(", "), args: `--only ${missing.join(" ")}` }
    : { what: `${missing.join(", ")} for Kubernetes ${full}`, args: `--version ${minor}` };

interface FetchOptions extends AssetOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly found: KubernetesVersion;
}

const fetchMissing = async (
  missing: readonly Binary[],
  caches: ReadonlyMap<Binary, BinaryCache>,
  { env, found, log = logToStderr, sources = PUBLIC_SOURCES, signal }: FetchOptions,
): Promise<void> => {
  const { what, args } = described(missing, found);
  log(`${what}: none here yet; ${AHEAD} ${args}"`);
  const downloader = new Downloader(found, { sources, log, signal });
  // One after another: each build already uses every core, and most of their work is shared.
  for (const binary of missing) {
    const cache = caches.get(binary);
    await cache?.fill(signal, async (target) => {
      if (await downloader.fetch(binary, target)) return;
      const go = findGo(env);
      if (!go) throw new Error(`${what} can neither be downloaded nor built: ${GO_MISSING}`);
      await buildBinary(binary, { go, version: found, target, env, log, signal });
    });
  }
};
