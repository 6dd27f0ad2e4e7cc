import { EINVAL } from "./errno.ts";
import { BpfError, VerifierError } from "./errors.ts";

/** What is known after `bpf_object__load` failed. */
export interface LoadFailure {
  readonly object: string;
  readonly errno: number;
  /** What libbpf printed. */
  readonly messages: readonly string[];
  /** The buffer that the kernel wrote the verifier's log to. */
  readonly log: Buffer;
}

const first = (messages: readonly string[], pattern: RegExp): string | undefined =>
  messages.map((line) => pattern.exec(line)?.[1]).find((match) => match !== undefined);

const textOf = (log: Buffer): string => {
  const end = log.indexOf(0);
  return log.toString("utf8", 0, end === -1 ? log.length : end);
};

/** Which part of the object the kernel refused, and why; libbpf says which only in what it prints. */
export const loadError = ({ object, errno, messages, log }: LoadFailure): BpfError => {
  const program = first(messages, /^prog '(.+?)': BPF program load failed/);
  const text = textOf(log);
  // Without a log it was not the verifier, but missing permission, memory, or a type that the kernel does not know.
  if (program !== undefined && text.trim() !== "")
    return new VerifierError({ operation: "load program", errno, program, log: text, hint: hintOf(text) });
  if (program !== undefined) return new BpfError({ operation: "load program", subject: program, errno, messages });
  const map = first(messages, /^map '(.+?)': failed to create/);
  if (map !== undefined) return new BpfError({ operation: "create map", subject: map, errno, messages });
  return new BpfError({ operation: "load object", subject: object, errno: errno || EINVAL, messages });
};

/** What the verifier's words come from, where they do not say so. */
const hintOf = (log: string): string => {
  if (/invalid CO-RE relocation|unknown#195896080/.test(log))
    return "the kernel has no such field or type: guard its use by bpf_core_field_exists";
  if (/unknown func|program of this type cannot use helper/.test(log))
    return "the kernel does not allow this helper in this type of program";
  if (/BPF program is too large|too many states|The sequence of \d+ jumps/.test(log))
    return "the program is too complex for this kernel's verifier";
  return "the verifier's whole log is in the property log";
};
