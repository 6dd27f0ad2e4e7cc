import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execFileAsync = promisify(execFile);

/** What may go with a command. */
export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a program to its end and gives back what it wrote. @throws with the end of what it said on standard error. */
export const run = async (command: string, args: readonly string[], options: RunOptions = {}): Promise<string> => {
  try {
    const { stdout } = await execFileAsync(command, [...args], { ...options, maxBuffer: 64 * 1024 ** 2 });
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
