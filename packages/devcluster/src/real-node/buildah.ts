import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./run.ts";

/** How long one step may take: a large image on a slow disk. Milliseconds. */
const TIMEOUT = 600_000;

/**
 * buildah with a storage of its own below a folder, so that it neither sees nor leaves anything on the machine. It needs
 * root. The folder is removed when this is disposed of.
 *
 * @example
 * using buildah = new Buildah(folder);
 * await buildah.run(["bud", "--tag", "localhost/one:1", context]);
 * await buildah.run(["push", "localhost/one:1", "oci-archive:one.tar"]);
 */
export class Buildah implements Disposable {
  readonly #folder: string;
  readonly #signal: AbortSignal | undefined;

  /** @param parent - an existing folder, in which it makes one of its own */
  constructor(parent: string, signal?: AbortSignal) {
    this.#folder = mkdtempSync(join(parent, "buildah-"));
    this.#signal = signal;
    // Otherwise it locks, and so makes, /etc/cni/net.d.
    writeFileSync(this.#configuration, `[network]\nnetwork_config_dir = "${join(this.#folder, "cni")}"\n`);
  }

  get #configuration(): string {
    return join(this.#folder, "containers.conf");
  }

  /** Runs one command. Gives back what it wrote. @throws with what buildah said. */
  run([command = "", ...args]: readonly string[]): Promise<string> {
    const place = ["--root", join(this.#folder, "root"), "--runroot", join(this.#folder, "run")];
    const buildah = ["buildah", ...place, "--storage-driver", "vfs", command, ...args];
    const env = {
      ...process.env,
      HOME: this.#folder,
      TMPDIR: this.#folder,
      CONTAINERS_CONF: this.#configuration,
      BUILDAH_ISOLATION: "chroot",
      STORAGE_DRIVER: "vfs",
    };
    // It keeps a cache in `/var/lib/containers` whatever it is told.
    const [program, ...enter] = withOwnState(mkdtempSync(join(this.#folder, "state-")));
    return run(program, [...enter, ...buildah], { env, signal: this.#signal, timeout: TIMEOUT });
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/**
 * What runs a command, put before it, so that its writes to `/var/lib` are its own and gone when it ends: a mount
 * namespace, with an overlay in memory. Two commands may not share one, and the kernel may keep the first one's mounts
 * for a moment after its end. It ends with this process.
 *
 * @param folder - an empty one, which stays so
 */
export const withOwnState = (folder: string): readonly [string, ...string[]] => {
  const steps = [
    'mount -t tmpfs tmpfs "$0"',
    'mkdir "$0/upper" "$0/work"',
    'mount -t overlay -o "lowerdir=/var/lib,upperdir=$0/upper,workdir=$0/work" overlay /var/lib',
    'exec "$@"',
  ];
  const enter = ["unshare", "--mount", "/bin/sh", "-c", steps.join(" && "), folder];
  return ["setpriv", "--pdeathsig", "KILL", "--", ...enter];
};
