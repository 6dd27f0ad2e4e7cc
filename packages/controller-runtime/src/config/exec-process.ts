import { type ChildProcess, spawn } from "node:child_process";
import type { Clock } from "../clock.ts";

/** More than any credential; a plugin that writes more has lost its way. */
const MAX_OUTPUT = 1 << 20;

export interface ExecProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment; `PATH` in it finds the command. */
  readonly env: NodeJS.ProcessEnv;
  /** The plugin may talk to the user: it gets our standard input and error. */
  readonly interactive: boolean;
  /** Milliseconds after which the plugin and what it started are killed. */
  readonly timeout: number;
  readonly clock: Clock;
  /** Kills the plugin. */
  readonly signal: AbortSignal;
}

export interface ExecOutcome {
  /** Undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command to its end.
 *
 * @throws the system error where it cannot be started, Error where it takes too long or writes too much, the signal's
 * reason where that aborts.
 */
export const runExec = (options: ExecProcessOptions): Promise<ExecOutcome> =>
  new Promise((resolve, reject) => {
    const { command, args, env, interactive, timeout, clock, signal } = options;
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    // A group of its own, so that a wrapper script's children end with it. Not where it talks to the user: a group in
    // the background gets no terminal.
    const detached = !interactive && process.platform !== "win32";
    const talk = interactive ? "inherit" : "ignore";
    const child = spawn(command, args, { env, detached, stdio: [talk, "pipe", interactive ? "inherit" : "pipe"] });
    const end = (error: unknown) => {
      kill(child, detached);
      reject(error);
    };
    const onAbort = () => end(signal.reason);
    const timer = clock.after(timeout, () => end(new Error(`gave no answer within ${timeout / 1000} s`)));
    signal.addEventListener("abort", onAbort, { once: true });
    const tidy = () => {
      timer.cancel();
      signal.removeEventListener("abort", onAbort);
    };
    const onFull = () => end(new Error(`wrote more than ${MAX_OUTPUT} bytes`));
    const stdout = collect(child.stdout, onFull);
    const stderr = collect(child.stderr, onFull);
    child.on("error", (error) => {
      tidy();
      reject(error);
    });
    child.on("close", (code) => {
      tidy();
      resolve({ code: code ?? undefined, stdout: stdout(), stderr: stderr() });
    });
  });

/** Collects a stream; returns what reads the text so far. */
const collect = (stream: NodeJS.ReadableStream | null, onFull: () => void): (() => string) => {
  const chunks: Buffer[] = [];
  let size = 0;
  stream?.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= MAX_OUTPUT) chunks.push(chunk);
    if (size > MAX_OUTPUT) onFull();
  });
  return () => Buffer.concat(chunks).toString("utf8");
};

const kill = (child: ChildProcess, group: boolean): void => {
  if (child.pid === undefined) return;
  try {
    process.kill(group ? -child.pid : child.pid, "SIGKILL");
  } catch {
    // It ended by itself in the meantime.
  }
};
