import { readlinkSync, renameSync, symlinkSync } from "node:fs";
import { PROGRAM_TYPES } from "./condition.ts";
import type { ProgramType } from "./node-pod.ts";
import { isFolderName, unpin } from "./pin-dir.ts";

/** How often something failed for a Pod. */
export interface ErrorCount {
  readonly program: ProgramType;
  /** In CamelCase, as conditions have it. */
  readonly reason: string;
  readonly count: number;
}

const PIN = "errors";
const NEXT = "errors-next";

const textOf = (counts: readonly ErrorCount[]): string =>
  counts.map(({ program, reason, count }) => `${program}:${reason}:${count}`).join(",");

const parse = (text: string): readonly ErrorCount[] =>
  text.split(",").flatMap((part) => {
    const [, name, reason, count] = /^([a-z0-9_]+):([A-Za-z0-9]+):(\d+)$/.exec(part) ?? [];
    const program = PROGRAM_TYPES.find((known) => known === name);
    return program === undefined || reason === undefined ? [] : [{ program, reason, count: Number(count) }];
  });

/**
 * What failed for Pods, kept over restarts: the text of a symbolic link in the Pod's folder, since a bpffs holds no files. Kept
 * as far as the Pod has a folder and the bpffs takes it; what is not kept is counted by this process all the same.
 */
export class ErrorCounts {
  readonly #pods: string;

  /** @param pods the folder that holds those of the Pods. */
  constructor(pods: string) {
    this.#pods = pods;
  }

  /** What was kept; also readable for who does not have the pin directory. */
  read(uid: string): readonly ErrorCount[] {
    try {
      return isFolderName(uid) ? parse(readlinkSync(`${this.#pods}/${uid}/${PIN}`)) : [];
    } catch {
      return [];
    }
  }

  /** Keeps these in the place of those before; for who has the pin directory. */
  write(uid: string, counts: readonly ErrorCount[]): void {
    if (!isFolderName(uid)) return;
    const next = `${this.#pods}/${uid}/${NEXT}`;
    try {
      // One that a killed process left.
      unpin(next);
      symlinkSync(textOf(counts), next);
      renameSync(next, `${this.#pods}/${uid}/${PIN}`);
    } catch {
      // There is no folder, or it takes nothing: that is the failure that is counted, as a rule.
    }
  }
}
