import { ARM64, X86_64 } from "./syscall-numbers-data.ts";
import type { Architecture } from "./syscalls-table.ts";

const parse = (text: string): ReadonlyMap<string, number> => {
  const numbers = new Map<string, number>();
  let next = 0;
  for (const word of text.trim().split(/\s+/)) {
    if (/^\d+$/.test(word)) next = Number(word);
    else numbers.set(word, next++);
  }
  return numbers;
};

/** The 64-bit system calls of each architecture and their numbers, in the order of these. */
export const SYSCALL_NUMBERS: Readonly<Record<Architecture, ReadonlyMap<string, number>>> = {
  x86_64: parse(X86_64),
  arm64: parse(ARM64),
};

const inverse = (numbers: ReadonlyMap<string, number>): ReadonlyMap<number, string> =>
  new Map([...numbers].map(([name, number]) => [number, name]));

const NAMES: Readonly<Record<Architecture, ReadonlyMap<number, string>>> = {
  x86_64: inverse(SYSCALL_NUMBERS.x86_64),
  arm64: inverse(SYSCALL_NUMBERS.arm64),
};

/** The number of a call; `undefined` where the architecture has none of this name. */
export const syscallNumber = (name: string, architecture: Architecture): number | undefined =>
  SYSCALL_NUMBERS[architecture].get(name);

/** The name of a call. One that is newer than this table is `syscall_<number>`, so that it is told from others. */
export const syscallName = (number: number, architecture: Architecture): string =>
  NAMES[architecture].get(number) ?? `syscall_${number}`;
