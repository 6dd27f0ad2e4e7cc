import { check } from "./errors.ts";
import { addressOf, holding, native } from "./native.ts";

export interface TestRunOptions {
  /** The packet. The kernel wants at least an Ethernet header (14 bytes) of programs that see packets. */
  readonly dataIn?: Uint8Array | undefined;
  /** The context, such as a `struct __sk_buff` or a tracepoint's arguments (8 bytes each). */
  readonly ctxIn?: Uint8Array | undefined;
  /** How often; `durationNs` is the average. Default 1. Raw tracepoints run once. */
  readonly repeat?: number | undefined;
  /** Room for the packet after the run. Default: 256 bytes more than `dataIn`. */
  readonly dataOutSize?: number | undefined;
  /** Only raw tracepoints: on this CPU. Default: this one. */
  readonly cpu?: number | undefined;
}

export interface TestRun {
  /** What the program returned, unsigned. */
  readonly retval: number;
  /** Average of one run. 0 where the kernel does not measure (raw tracepoints). */
  readonly durationNs: number;
  readonly dataOut: Buffer;
  readonly ctxOut: Buffer;
}

// struct bpf_test_run_opts { size_t sz; const void *data_in; void *data_out; u32 data_size_in, data_size_out;
// const void *ctx_in; void *ctx_out; u32 ctx_size_in, ctx_size_out, retval; int repeat; u32 duration, flags, cpu, batch_size; }
const SIZE = 80;
const ON_CPU = 1;

/** `BPF_PROG_TEST_RUN`: runs a program in the kernel on data of ours. */
export const testRun = (fd: number, name: string, options: TestRunOptions): TestRun => {
  const { dataIn, ctxIn, repeat = 0, cpu } = options;
  const dataOut = Buffer.alloc(options.dataOutSize ?? (dataIn === undefined ? 0 : dataIn.length + 256));
  const ctxOut = Buffer.alloc(ctxIn?.length ?? 0);
  const fields = Buffer.alloc(SIZE);
  const place = (bytes: Uint8Array | undefined, address: number, size: number): void => {
    if (bytes === undefined || bytes.length === 0) return;
    fields.writeBigUInt64LE(addressOf(bytes), address);
    fields.writeUInt32LE(bytes.length, size);
  };
  fields.writeUInt32LE(SIZE, 0);
  place(dataIn, 8, 24);
  place(dataIn && dataOut, 16, 28);
  place(ctxIn, 32, 48);
  // Raw tracepoints take a context and give none back: the kernel refuses room for it.
  place(dataIn && ctxOut, 40, 52);
  fields.writeInt32LE(repeat, 60);
  if (cpu !== undefined) {
    fields.writeUInt32LE(ON_CPU, 68);
    fields.writeUInt32LE(cpu, 72);
  }
  const result = holding([dataIn, ctxIn, dataOut, ctxOut], () => native().libbpf.bpf_prog_test_run_opts(fd, fields));
  check(result, "test run", name);
  return {
    retval: fields.readUInt32LE(56),
    durationNs: fields.readUInt32LE(64),
    dataOut: dataOut.subarray(0, fields.readUInt32LE(28)),
    ctxOut: ctxOut.subarray(0, fields.readUInt32LE(52)),
  };
};
