import { errnoName, errnoText } from "./errno.ts";
import { hintFor } from "./hints.ts";
import { refusalHints, type VerifierRefusal, verifierRefusal } from "./verifier-refusal.ts";

/** What a {@link BpfError} is made of. */
export interface BpfErrorFields {
  /** What was tried, such as `create map`. */
  readonly operation: string;
  /** What it was tried on: a name or a path. */
  readonly subject?: string | undefined;
  /** As the kernel returned it, positive. */
  readonly errno: number;
  /** What to do. Default: what is known of this errno in this operation. */
  readonly hint?: string | undefined;
  /** What libbpf printed meanwhile. */
  readonly messages?: readonly string[] | undefined;
}

const describe = ({ operation, subject, errno, messages }: BpfErrorFields, hint: string | undefined): string => {
  const what = `cannot ${operation}${subject === undefined ? "" : ` ${subject}`}`;
  const why = `${errnoName(errno)}${errnoText(errno) && `, ${errnoText(errno)}`}`;
  return [`${what}: ${why}`, ...(messages ?? []), ...(hint === undefined ? [] : [`hint: ${hint}`])].join("\n");
};

/** The kernel, or libbpf, refused. The message names the operation, the errno, and what to do where that is known. */
export class BpfError extends Error {
  override readonly name: string = "BpfError";
  readonly operation: string;
  readonly subject: string | undefined;
  /** Positive, such as 1. */
  readonly errno: number;
  /** Its name, such as `EPERM`. */
  readonly code: string;
  /** What to do about it, in a sentence. */
  readonly hint: string | undefined;
  /** What libbpf printed meanwhile, a line each. */
  readonly messages: readonly string[];

  constructor(fields: BpfErrorFields) {
    const hint = fields.hint ?? hintFor(fields.operation, fields.errno);
    super(describe(fields, hint));
    this.operation = fields.operation;
    this.subject = fields.subject;
    this.errno = fields.errno;
    this.code = errnoName(fields.errno);
    this.hint = hint;
    this.messages = fields.messages ?? [];
  }
}

/** The verifier refused a program. Its message holds the end of the verifier's log, {@link log} all of it. */
export class VerifierError extends BpfError {
  override readonly name = "VerifierError";
  /** The program that was refused. */
  readonly program: string;
  readonly log: string;
  /** Why, as far as the log tells. */
  readonly refusal: VerifierRefusal;

  constructor({ program, log, ...fields }: BpfErrorFields & { readonly program: string; readonly log: string }) {
    const refusal = verifierRefusal(log);
    // The verdict stands at the end, before the verifier's statistics.
    const lines = log.trimEnd().split("\n");
    super({ hint: refusalHints[refusal], ...fields, subject: program, messages: lines.slice(-12) });
    this.program = program;
    this.log = log;
    this.refusal = refusal;
  }
}

/** `libbpf.so.1` cannot be used on this machine. */
export class LibbpfMissingError extends Error {
  override readonly name = "LibbpfMissingError";

  constructor(why: string, options?: ErrorOptions) {
    super(`libbpf 1.0 or newer is needed (Debian and Ubuntu: libbpf1, Fedora and Alpine: libbpf): ${why}`, options);
  }
}

/** A handle was used after it, or the object that it belongs to, was closed. */
export class ClosedError extends Error {
  override readonly name = "ClosedError";

  constructor(kind: string, name: string) {
    super(`the ${kind} ${name} is closed`);
  }
}

/** A path is not on a BPF file system, so nothing can be pinned there. */
export class NotBpffsError extends Error {
  override readonly name = "NotBpffsError";
  readonly path: string;

  constructor(path: string) {
    super(`${path} is not on a BPF file system: mount -t bpf bpf /sys/fs/bpf`);
    this.path = path;
  }
}

/** Does what Node's file system functions do, and throws their errors as {@link BpfError}. */
export const attempt = <T>(operation: string, subject: string, call: () => T): T => {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof Error && "errno" in error && typeof error.errno === "number")) throw error;
    throw new BpfError({ operation, subject, errno: Math.abs(error.errno) });
  }
};

/** Passes a result on, or throws what its negative errno says: libbpf's calling convention from 1.0 on. */
export const check = (result: number, operation: string, subject?: string): number => {
  if (result < 0) throw new BpfError({ operation, subject, errno: -result });
  return result;
};
