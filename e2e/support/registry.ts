import { execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { findProgram, freePort } from "@pcmc/devcluster";
import { until } from "./until.ts";

/** Debian's name of the registry of the CNCF's project distribution, and of the program in it. */
const PACKAGE = "docker-registry";

/** How long apt may take. Milliseconds. */
const TIMEOUT = 300_000;

/**
 * Path of the registry's program: this machine's, or that of Debian's package, which is unpacked once into the user's cache.
 * It is not installed, as it would be started with the machine from then on.
 *
 * @throws one line where it is not there and apt cannot get it
 */
export const findRegistry = (): string => {
  const found = findProgram(PACKAGE);
  if (found !== undefined) return found;
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "podconfigmap-controller", PACKAGE);
  if (!existsSync(folder)) fetchInto(folder);
  return join(folder, "usr/bin", PACKAGE);
};

/** All of it or nothing. */
const fetchInto = (folder: string): void => {
  if (findProgram("apt-get") === undefined) throw new Error(`there is no ${PACKAGE}, and no apt-get to get it with`);
  mkdirSync(dirname(folder), { recursive: true });
  const next = mkdtempSync(`${folder}.`);
  try {
    download(next);
    const archives = readdirSync(next).filter((name) => name.endsWith(".deb"));
    for (const archive of archives) {
      execFileSync("dpkg-deb", ["-x", join(next, archive), next]);
      rmSync(join(next, archive));
    }
    renameSync(next, folder);
  } finally {
    rmSync(next, { recursive: true, force: true });
  }
};

const download = (folder: string): void => {
  const apt = (...args: readonly string[]): void => {
    execFileSync("apt-get", ["-qq", "-o", "APT::Sandbox::User=root", ...args], {
      cwd: folder,
      timeout: TIMEOUT,
      stdio: ["ignore", "ignore", "pipe"],
    });
  };
  try {
    apt("download", PACKAGE);
    return;
  } catch {
    // A new machine has no lists of packages yet.
  }
  try {
    apt("update");
  } catch {
    // One repository that does not answer fails it all, and the package may be of another.
  }
  apt("download", PACKAGE);
};

/** A registry that answers on this machine alone, in the clear. */
export interface Registry extends Disposable {
  /** `127.0.0.1:PORT`: what its images' names start with. */
  readonly address: string;
  /** The JSON that it gives for a path below `/v2/`. @throws for any status but 200 */
  get(path: string): Promise<unknown>;
}

/** @param folder - keeps the images, and is its caller's to remove */
export const startRegistry = async (program: string, folder: string): Promise<Registry> => {
  const address = `127.0.0.1:${await freePort()}`;
  const file = join(folder, "registry.json");
  const storage = { filesystem: { rootdirectory: join(folder, "registry") } };
  // JSON is YAML, which it reads.
  writeFileSync(file, JSON.stringify({ version: 0.1, storage, http: { addr: address } }));
  const log = openSync(join(folder, "registry.log"), "w");
  const server = spawn("setpriv", ["--pdeathsig", "KILL", "--", program, "serve", file], {
    // It calls every question for what is not there yet an error.
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  const get = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://${address}/v2/${path}`);
    if (response.status === 200) return response.json();
    throw new Error(`${path}: ${response.status} ${await response.text()}`);
  };
  try {
    await until("the registry answers", () => get(""));
  } catch (error) {
    server.kill("SIGKILL");
    throw error;
  }
  return { address, get, [Symbol.dispose]: () => server.kill("SIGTERM") };
};
