import { lastErrno, native, readPointer, writePointer } from "./native.ts";

/** What a call into libbpf came to. */
export interface Heard<T> {
  readonly result: T;
  /** errno right after the call. */
  readonly errno: number;
  /** What libbpf printed, without its prefix. */
  readonly messages: readonly string[];
}

/**
 * Calls into libbpf and keeps what it prints from the process's standard error.
 *
 * libbpf prints through C's `stderr`, which is a variable: for this call it is a stream into memory. A print callback in
 * JavaScript (`libbpf_set_print`) would be the plain way, but koffi's callbacks keep the process from ending.
 */
export const listen = <T>(call: () => T): Heard<T> => {
  const { libc, stderr } = native();
  // char *buffer; size_t size: the stream writes them when it is closed.
  const where = Buffer.alloc(16);
  const stream = libc.open_memstream(where, where.subarray(8));
  if (stream === null) return { result: call(), errno: lastErrno(), messages: [] };
  const before = readPointer(stderr);
  writePointer(stderr, stream);
  let result: T;
  let errno: number;
  try {
    result = call();
    errno = lastErrno();
  } finally {
    writePointer(stderr, before);
    libc.fclose(stream);
  }
  return { result, errno, messages: read(where) };
};

const read = (where: Buffer): readonly string[] => {
  const text = readPointer(where);
  if (text === null) return [];
  const { libc } = native();
  const copy = Buffer.alloc(Number(where.readBigUInt64LE(8)));
  libc.memmove(copy, text, copy.length);
  libc.free(text);
  return copy
    .toString("utf8")
    .split("\n")
    .map((line) => line.replace(/^libbpf: /, "").trimEnd())
    .filter((line) => line !== "");
};
