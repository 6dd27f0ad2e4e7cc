import { createInterface } from "node:readline/promises";

/** Exit codes of every command. */
export const EXIT = { ok: 0, failed: 1, badInput: 2 } as const;

/** What a command has of the world around it, so that tests can be that. */
export interface Io {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads standard input to its end. */
  readonly stdin: () => Promise<Buffer>;
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Asks who sits at the terminal for a line; `undefined` when there is no more input. Not there where nobody sits. */
  readonly ask?: (question: string) => Promise<string | undefined>;
  /** Milliseconds since the process began. */
  readonly uptime: () => number;
}

const ask = async (question: string): Promise<string | undefined> => {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const ended = new Promise<undefined>((resolve) => lines.once("close", () => resolve(undefined)));
    return await Promise.race([lines.question(question), ended]);
  } finally {
    lines.close();
  }
};

/** The process's own. */
export const processIo: Io = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  env: process.env,
  stdin: async () => Buffer.concat(await Array.fromAsync<Buffer>(process.stdin)),
  isTerminal: process.stdout.isTTY ?? false,
  ...(process.stdin.isTTY && { ask }),
  uptime: () => performance.now(),
};

/** What was given cannot be used: one clear line for each thing that is wrong, and exit code 2. */
export class InputError extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
    this.name = "InputError";
    this.lines = lines;
  }
}
