import { encodeCallMask, SYSCALLS } from "./layout.ts";
import type { SyscallPolicy } from "./policy.ts";
import { syscallNumber } from "./syscall-numbers.ts";
import type { Architecture } from "./syscalls-table.ts";

/** Which system calls are counted: bit `n` for call number `n`, as the programs read it. */
export type CallMask = Buffer;

/** The mask of a policy. "all" are all numbers, those too that are newer than our table of names. */
export const callMask = ({ calls }: SyscallPolicy, architecture: Architecture): CallMask => {
  if (calls === "all") return Buffer.alloc(SYSCALLS / 8, 0xff);
  return encodeCallMask(calls.flatMap((name) => syscallNumber(name, architecture) ?? []));
};

export const NO_CALLS: CallMask = Buffer.alloc(SYSCALLS / 8);

/** What any of the masks counts. */
export const unionOf = (masks: Iterable<CallMask>): CallMask => {
  const union = Buffer.from(NO_CALLS);
  for (const mask of masks) for (const [index, byte] of mask.entries()) union[index] = (union[index] ?? 0) | byte;
  return union;
};
