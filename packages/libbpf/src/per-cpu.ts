import { check } from "./errors.ts";
import { native } from "./native.ts";

let count: number | undefined;

/** CPUs that this machine may ever have (`/sys/devices/system/cpu/possible`): a per-CPU map has a value of each. */
export const possibleCpus = (): number => {
  count ??= check(native().libbpf.libbpf_num_possible_cpus(), "count possible CPUs");
  return count;
};

/** From one CPU's value to the next in what the kernel reads and writes: it rounds up to 8 bytes. */
export const perCpuStride = (valueSize: number): number => Math.ceil(valueSize / 8) * 8;

/** One CPU's value after the other, each its own view of the same bytes. */
export const splitPerCpu = (values: Buffer, valueSize: number): Buffer[] => {
  const stride = perCpuStride(valueSize);
  return Array.from({ length: values.length / stride }, (_, cpu) =>
    values.subarray(cpu * stride, cpu * stride + valueSize),
  );
};

/**
 * Adds up the CPUs' values, each an array of unsigned 64-bit counters, modulo 2^64 as the kernel counts.
 *
 * @param values of all CPUs of `sums.length / lanes` keys, key by key.
 * @param lanes counters in one value.
 */
export const addPerCpu = (values: Buffer, lanes: number, cpus: number): BigUint64Array => {
  const aligned = values.byteOffset % 4 === 0 ? values : new Uint8Array(values);
  const words = new Uint32Array(aligned.buffer, aligned.byteOffset, values.length / 4);
  const sums = new BigUint64Array(words.length / 2 / cpus);
  for (let sum = 0; sum < sums.length; sum++) {
    const key = Math.floor(sum / lanes);
    let at = (key * cpus * lanes + (sum % lanes)) * 2;
    // Halves in doubles: exact for 2^21 CPUs, and many times faster than a bigint for each CPU.
    let low = 0;
    let high = 0;
    for (let cpu = 0; cpu < cpus; cpu++, at += lanes * 2) {
      low += words[at] ?? 0;
      high += words[at + 1] ?? 0;
    }
    if (low !== 0 || high !== 0) sums[sum] = BigInt(low) + (BigInt(high) << 32n);
  }
  return sums;
};

/** How many 64-bit counters a value is. @throws RangeError where it is not made of such */
export const lanesOf = (valueSize: number): number => {
  if (valueSize % 8 !== 0) throw new RangeError(`a value of ${valueSize} bytes is no array of 64-bit counters`);
  return valueSize / 8;
};
