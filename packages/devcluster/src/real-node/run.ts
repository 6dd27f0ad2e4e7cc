import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { pathVariable } from "../search-path.ts";

const execFileAsync = promisify(execFile);

/** What may go with a command. */
export interface RunOptions {
  /** Default `process.env`. Its PATH is not used: programs are looked for where this package looks for all. */
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a program to its end and gives back what it wrote. @throws with the end of what it said on standard error. */
export const run = async (command: string, args: readonly string[], options: RunOptions = {}): Promise<string> => {
  const env = { ...(options.env ?? process.env), PATH: pathVariable() };
  try {
    const { stdout } = await execFileAsync(command, [...args], { ...options, env, maxBuffer: 64 * 1024 ** 2 });
    return stdout;
  } catch (error) {
    options.signal?.throwIfAborted();
    throw new Error(`${[command, ...args].join(" ")}: ${whySaid(error)}`);
  }
};

const whySaid = (error: unknown): string => {
  const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
  return said.slice(-2000) || (error instanceof Error ? error.message : String(error));
};
