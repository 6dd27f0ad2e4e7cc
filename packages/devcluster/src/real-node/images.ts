import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Buildah } from "./buildah.ts";
import { CONTAINERD_SOCKET, PAUSE_IMAGE } from "./configuration.ts";
import { findBusybox, findProgram } from "./packages.ts";
import { run } from "./run.ts";

/** An image to be built. */
export interface ImageBuild {
  /**
   * `localhost/NAME:TAG`. No registry is asked for it, so containers that use it say `imagePullPolicy: Never`.
   */
  readonly name: string;
  /** Folder whose files `COPY` can name. */
  readonly context: string;
  /** Path of the Containerfile. Default: `Containerfile` in the folder. There is no registry: it starts `FROM scratch`. */
  readonly containerfile?: string;
  readonly signal?: AbortSignal;
}

/** The images of a real node. */
export interface Images {
  /** Builds an image with buildah and gives it to the node. @throws with what buildah said. */
  build(image: ImageBuild): Promise<void>;
  /** Gives the node the images of an archive, as `buildah push ... oci-archive:FILE` or `docker save` write it. */
  load(archive: string, signal?: AbortSignal): Promise<void>;
}

/** How long one step may take: a large image on a slow disk. Milliseconds. */
const TIMEOUT = 600_000;

const NAME = /^localhost\/[a-z0-9]+(?:[._/-][a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** The images of the node whose namespaces are those of process `inside`. Everything else stays in `folder`. */
export class NodeImages implements Images {
  readonly #folder: string;
  readonly #inside: number;

  constructor(folder: string, inside: number) {
    this.#folder = folder;
    this.#inside = inside;
    mkdirSync(folder, { recursive: true });
  }

  async build({ name, context, containerfile, signal }: ImageBuild): Promise<void> {
    if (!NAME.test(name)) throw new Error(`an image's name is localhost/NAME:TAG, not "${name}"`);
    const folder = mkdtempSync(join(this.#folder, "build-"));
    try {
      using buildah = new Buildah(folder, signal);
      const file = resolve(containerfile ?? join(context, "Containerfile"));
      const archive = join(folder, "image.tar");
      await buildah.run(["bud", "--quiet", "--tag", name, "--file", file, resolve(context)]);
      await buildah.run(["push", "--quiet", "--disable-compression", name, `oci-archive:${archive}:${name}`]);
      await this.load(archive, signal);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async load(archive: string, signal?: AbortSignal): Promise<void> {
    const ctr = [findProgram("ctr") ?? "ctr", "-a", CONTAINERD_SOCKET, "-n", "k8s.io", "images", "import"];
    const mount = `--mount=/proc/${this.#inside}/ns/mnt`;
    await run("nsenter", [mount, ...ctr, resolve(archive)], { signal, timeout: TIMEOUT });
  }

  /** Makes the image that each Pod starts with. Its process waits for nothing, and orphans need nobody to wait for them. */
  async buildPause(signal?: AbortSignal): Promise<void> {
    const context = mkdtempSync(join(this.#folder, "pause-"));
    await copyFile(findBusybox() ?? "busybox", join(context, "busybox"));
    const entrypoint = ["/busybox", "sh", "-c", "trap '' CHLD; exec /busybox sleep 2147483647"];
    const containerfile = `FROM scratch\nCOPY busybox /busybox\nUSER 65535:65535\nENTRYPOINT ${JSON.stringify(entrypoint)}\n`;
    await writeFile(join(context, "Containerfile"), containerfile);
    await this.build({ name: PAUSE_IMAGE, context, ...(signal ? { signal } : {}) });
  }
}
