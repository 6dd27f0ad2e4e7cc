import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { withOwnState } from "../../packages/devcluster/src/real-node/buildah.ts";

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** How long one command may take: images of 150 MB on a slow disk. Milliseconds. */
const TIMEOUT = 600_000;

/** Runs a program in the checkout. Gives back what it wrote. @throws with the end of what it said */
export type Run = (command: string, args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<string>;

/**
 * What runs programs that run buildah, as on a machine where it is set up: with a storage in a folder, and a registry on this
 * machine that speaks plain HTTP. Whoever calls it gives buildah no flag for that, and nothing is left beside the folder.
 */
export const withBuildah = (folder: string): Run => {
  const write = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  const [root, runroot, cni] = ["storage", "run", "cni"].map((name) => JSON.stringify(join(folder, name)));
  const settings = {
    CONTAINERS_STORAGE_CONF: write(
      "storage.conf",
      `[storage]\ndriver = "vfs"\ngraphroot = ${root}\nrunroot = ${runroot}\n`,
    ),
    // Otherwise it makes /etc/cni/net.d.
    CONTAINERS_CONF: write("containers.conf", `[network]\nnetwork_config_dir = ${cni}\n`),
    CONTAINERS_REGISTRIES_CONF: write("registries.conf", `[[registry]]\nlocation = "127.0.0.1"\ninsecure = true\n`),
    BUILDAH_ISOLATION: "chroot",
    TMPDIR: folder,
  };
  return async (command, args, env = {}) => {
    // Of a make that runs this: its flags are not meant for another.
    const { MAKEFLAGS: _flags, MFLAGS: _others, ...inherited } = process.env;
    const [program, ...enter] = withOwnState(mkdtempSync(join(folder, "state-")));
    const options = { cwd: repository, timeout: TIMEOUT, env: { ...inherited, ...settings, ...env } };
    try {
      return (await promisify(execFile)(program, [...enter, command, ...args], options)).stdout;
    } catch (error) {
      const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
      throw new Error(`${[command, ...args].join(" ")}: ${said.slice(-2000) || error}`);
    }
  };
};
