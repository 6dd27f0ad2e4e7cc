import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** What an image says of where it is from. */
export interface Metadata {
  /** The commit, with `-dirty` where files were changed since; empty where that is not known. */
  readonly revision: string;
  /** What every time in the image is, in seconds: that of the commit. */
  readonly epoch: number;
}

const repository = fileURLToPath(new URL("..", import.meta.url));

/**
 * That of the checkout. `SOURCE_DATE_EPOCH` (https://reproducible-builds.org/specs/source-date-epoch/) and `REVISION` go
 * before what git says; without either, the time is 0.
 */
export const metadataOf = (env: NodeJS.ProcessEnv): Metadata => {
  const epoch = env.SOURCE_DATE_EPOCH ?? git("log", "-1", "--format=%ct") ?? "0";
  if (!/^\d{1,11}$/.test(epoch)) throw new Error(`SOURCE_DATE_EPOCH is a number of seconds, not "${epoch}"`);
  return { revision: env.REVISION ?? revision(), epoch: Number(epoch) };
};

/** `2026-01-31T12:00:00Z`. */
export const timeOf = ({ epoch }: Metadata): string => `${new Date(epoch * 1_000).toISOString().slice(0, 19)}Z`;

const revision = (): string => {
  const commit = git("rev-parse", "HEAD");
  if (commit === undefined) return "";
  return git("status", "--porcelain", "--untracked-files=no") === "" ? commit : `${commit}-dirty`;
};

/** Undefined where there is no git, or no repository. */
const git = (...args: readonly string[]): string | undefined => {
  try {
    return execFileSync("git", ["-C", repository, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return undefined;
  }
};
