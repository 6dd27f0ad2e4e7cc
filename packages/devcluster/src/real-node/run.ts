import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { pathVariable } from "../search-path.ts";

const execFileAsync = promisify(execFile);

/** What may go with a command. */
export interface RunOptions {
  /** Default `process.env`. Its PATH is not used: programs are looked for where this package looks for all. */
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  /** After how many milliseconds it is ended with SIGTERM. Default 60,000: what takes longer says so. */
  readonly timeout?: number | undefined;
}

/** No short command takes this long, however slow the machine. Milliseconds. */
const TIMEOUT = 60_000;

/**
 * Runs a program to its end and gives back what it wrote.
 *
 * @throws with the end of what it said on standard error, the signal's reason, or an error that says how long it ran.
 */
export const run = async (command: string, args: readonly string[], options: RunOptions = {}): Promise<string> => {
  const { signal, timeout = TIMEOUT } = options;
  const env = { ...(options.env ?? process.env), PATH: pathVariable() };
  const ended = AbortSignal.timeout(timeout);
  const either = signal ? AbortSignal.any([signal, ended]) : ended;
  try {
    const { stdout } = await execFileAsync(command, [...args], { env, signal: either, maxBuffer: 64 * 1024 ** 2 });
    return stdout;
  } catch (error) {
    signal?.throwIfAborted();
    const why = ended.aborted ? `did not end within ${timeout / 1000} s` : whySaid(error);
    throw new Error(`${[command, ...args].join(" ")}: ${why}`);
  }
};

const whySaid = (error: unknown): string => {
  const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
  return said.slice(-2000) || (error instanceof Error ? error.message : String(error));
};
