import { mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Clock, Timer } from "../../src/clock.ts";
import type { LogFields, Logger } from "../../src/log.ts";

/** A clock that moves when the test says so. */
export class FakeClock implements Clock {
  #now = 0;
  readonly #start = Date.parse("2030-01-02T03:04:05Z");
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): number {
    return this.#now;
  }

  date(): Date {
    return new Date(this.#start + this.#now);
  }

  after(delay: number, callback: () => void): Timer {
    const timer = { at: this.#now + delay, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  advance(milliseconds: number): void {
    this.#now += milliseconds;
    for (const timer of [...this.#timers].filter(({ at }) => at <= this.#now)) {
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}

/** A logger that keeps its warnings. */
export const recordingLogger = (): Logger & { readonly warnings: string[] } => {
  const warnings: string[] = [];
  const keep = (message: string, fields?: LogFields) => void warnings.push(`${message}: ${fields?.error}`);
  const logger = { warnings, error: keep, warning: keep, info: () => {}, debug: () => {}, with: () => logger };
  return logger;
};

/** A folder that is removed after the test. */
export const temporaryFolder = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "pcmc-config-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

/** Writes files; returns the folder. */
export const folderWith = async (files: Readonly<Record<string, string>>): Promise<string> => {
  const folder = await temporaryFolder();
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
  return folder;
};

/** Puts a volume's content in place as the kubelet does: the link `..data` is swapped in one step. */
export const mountVolume = async (folder: string, files: Readonly<Record<string, string>>): Promise<void> => {
  const data = await mkdtemp(join(folder, "..version-"));
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(data, name), text);
    await symlink(join("..data", name), join(folder, name)).catch(() => {});
  }
  await symlink(data, join(folder, "..data_tmp"));
  await rename(join(folder, "..data_tmp"), join(folder, "..data"));
};
