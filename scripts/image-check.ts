import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuiltImage } from "./image-build.ts";
import type { Architecture } from "./image-machine.ts";
import type { Metadata } from "./image-metadata.ts";

const repository = fileURLToPath(new URL("..", import.meta.url));

/** What a fresh checkout has not, but for node_modules, which npm makes the same from the lock file. */
const MADE_HERE = /^(\.git|dist|packages\/[^/]+\/dist)$/;

/** What `make image` does, in this order. */
const STEPS = ["packages/gotemplate/scripts/build.ts", "scripts/bpf.ts", "scripts/bundle.ts", "scripts/image.ts"];

/** What may be otherwise where somebody else builds: https://reproducible-builds.org/docs/ names these and more. */
const UMASK = "077";
const ELSEWHERE = { TZ: "Pacific/Kiritimati", LC_ALL: "C" };

/**
 * Builds the images again from a copy of the checkout in another folder: template engine, programs for the kernel, bundle and
 * images, with nothing taken from the caches of the user and of Go, under another umask and in another time zone.
 *
 * @returns a line for each image that came out otherwise
 * @throws with what a step said when it failed
 */
export const differences = (
  images: readonly BuiltImage[],
  { architecture, metadata }: { readonly architecture: Architecture; readonly metadata: Metadata },
): string[] => {
  const folder = mkdtempSync(join(tmpdir(), "pcmc-again-"));
  try {
    const copy = join(folder, "another name");
    cpSync(repository, copy, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !MADE_HERE.test(path.slice(repository.length)),
    });
    const again = buildIn(copy, { cache: join(folder, "cache"), architecture, metadata });
    return images
      .filter(({ digest }) => !again.includes(digest))
      .map(({ reference }) => `${reference} came out otherwise: ${again}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

interface Again {
  readonly cache: string;
  readonly architecture: Architecture;
  readonly metadata: Metadata;
}

/** Gives back what the last step printed, digests included. */
const buildIn = (copy: string, { cache, architecture, metadata }: Again): string => {
  const env = {
    ...process.env,
    ...ELSEWHERE,
    ...{ XDG_CACHE_HOME: cache, GOCACHE: join(cache, "go") },
    ...{ REVISION: metadata.revision, SOURCE_DATE_EPOCH: String(metadata.epoch) },
  };
  const step = (script: string) => {
    const args = script === "scripts/image.ts" ? ["build", "--platform", `linux/${architecture}`] : [];
    const command = ["-c", `umask ${UMASK} && exec "$0" "$@"`, process.execPath, script, ...args];
    return execFileSync("/bin/sh", command, { cwd: copy, env, encoding: "utf8" });
  };
  return STEPS.map(step).at(-1) ?? "";
};
