import { SYSCALL_NUMBERS } from "./syscall-numbers.ts";

const namesOf = (numbers: ReadonlyMap<string, number>): ReadonlySet<string> => new Set([...numbers.keys()].sort());

const x86 = namesOf(SYSCALL_NUMBERS.x86_64);
const arm = namesOf(SYSCALL_NUMBERS.arm64);

/** System calls of both x86_64 and arm64. */
export const ON_BOTH: ReadonlySet<string> = x86.intersection(arm);

/** System calls of x86_64 that arm64 lacks; most have a newer variant on both. There is none that only arm64 has. */
export const ON_X86_64_ALONE: ReadonlySet<string> = x86.difference(arm);
