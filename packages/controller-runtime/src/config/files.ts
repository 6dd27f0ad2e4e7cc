import { readFile } from "node:fs/promises";
import type { Clock } from "../clock.ts";
import { type Logger, silentLogger } from "../log.ts";
import { checkedCertificates } from "./pem.ts";
import type { Load } from "./refreshed.ts";

/**
 * Milliseconds for which the content of a credential file is taken as it is. The kubelet replaces a token at 80 % of
 * its life, minutes before the old one ends, and a token that is refused is read again at once.
 */
export const FILE_CHECK_INTERVAL = 10_000;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "is a folder",
  ENOTDIR: "no such file",
};

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  return REASONS[code] ?? error.message;
};

/** Whether `error` says that there is no such file. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Error && error.cause instanceof Error && "code" in error.cause && error.cause.code === "ENOENT";

/** Reads a text file. @throws Error `cannot read PATH: REASON`. */
export const readText = async (path: string): Promise<string> => {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new Error(`cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
};

/**
 * The value of an Authorization header for a bearer token. White space around the token is dropped, as client-go does.
 *
 * @throws Error that names `source` and never quotes the token: it is empty, or cannot stand in a header.
 */
export const bearer = (token: string, source: string): string => {
  const trimmed = token.trim();
  if (trimmed === "") throw new Error(`${source} is empty`);
  if (!/^[\x21-\x7e]+$/.test(trimmed)) throw new Error(`${source} holds characters that no token has`);
  return `Bearer ${trimmed}`;
};

/** Reads a token file into the value of an Authorization header. */
export const readBearer = async (path: string): Promise<string> => bearer(await readText(path), path);

/** Reads a file of CA certificates. */
export const readCertificates = async (path: string): Promise<string> =>
  checkedCertificates(await readText(path), path);

export interface FileOptions {
  readonly clock: Clock;
  /** Milliseconds; default `FILE_CHECK_INTERVAL`. */
  readonly interval?: number | undefined;
  readonly logger?: Logger | undefined;
}

export interface FileLoadOptions<T> extends FileOptions {
  /** Stands in until a read succeeds. Absent: the first one must. */
  readonly initial?: T | undefined;
}

/**
 * A load that reads files, on use, once an interval.
 *
 * Content is read and compared instead of watched: a mounted Secret is swapped through a symlink, network file systems
 * tell nobody, inotify instances are few and shared by all Pods of a uid, and a kilobyte every ten seconds costs
 * nothing. Once a value is there, a file that is missing, half-written or empty leaves the value as
 * it is, with one warning until it is well again.
 */
export const fileLoad = <T>(read: () => Promise<T>, options: FileLoadOptions<T>): Load<T> => {
  const { clock, interval = FILE_CHECK_INTERVAL, logger = silentLogger, initial } = options;
  let warned = false;
  const readOrKeep = async (current: T | undefined): Promise<T> => {
    try {
      const value = await read();
      warned = false;
      return value;
    } catch (error) {
      const kept = current ?? initial;
      if (kept === undefined) throw error;
      if (!warned) logger.warning("Credential file cannot be used, going on with what is known", { error });
      warned = true;
      return kept;
    }
  };
  return async (current) => {
    const value = await readOrKeep(current);
    const until = clock.now() + interval;
    return { value, isFresh: () => clock.now() < until };
  };
};

/** A load for what never changes. */
export const fixed =
  <T>(value: T): Load<T> =>
  async () => ({ value, isFresh: () => true });
