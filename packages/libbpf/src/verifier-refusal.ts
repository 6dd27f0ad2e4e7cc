/**
 * Why the verifier refused a program, as far as its words tell. `unknownField`, `unknownHelper`: the kernel lacks what the
 * program uses, mostly since it is older; `tooComplex`: the program is beyond what this kernel's verifier looks through.
 */
export type VerifierRefusal = "unknownField" | "unknownHelper" | "tooComplex" | "other";

/** What the verifier's words come from, where they do not say so. */
const WORDS: readonly (readonly [VerifierRefusal, RegExp])[] = [
  ["unknownField", /invalid CO-RE relocation|unknown#195896080/],
  // "invalid": a number beyond all that the kernel has. The others (the last one in newer kernels): not for programs of this type.
  ["unknownHelper", /(?:unknown|invalid) func |program of this type cannot use helper/],
  ["tooComplex", /BPF program is too large|too many states|The sequence of \d+ jumps/],
];

export const verifierRefusal = (log: string): VerifierRefusal =>
  WORDS.find(([, words]) => words.test(log))?.[0] ?? "other";

/** What to do about it. */
export const refusalHints: Readonly<Record<VerifierRefusal, string>> = {
  unknownField: "the kernel has no such field or type: guard its use by bpf_core_field_exists",
  unknownHelper: "the kernel does not have this helper, or not for this type of program",
  tooComplex: "the program is too complex for this kernel's verifier",
  other: "the verifier's whole log is in the property log",
};
