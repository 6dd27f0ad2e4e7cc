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
    return new VerifierError({ operation: "load program", errno, program, log: text });
  if (program !== undefined) return new BpfError({ operation: "load program", subject: program, errno, messages });
  const map = first(messages, /^map '(.+?)': failed to create/);
  if (map !== undefined) return new BpfError({ operation: "create map", subject: map, errno, messages });
  return new BpfError({ operation: "load object", subject: object, errno: errno || EINVAL, messages });
};
