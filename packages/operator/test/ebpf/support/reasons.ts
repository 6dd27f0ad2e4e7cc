import type { EbpfFailureReason } from "../../../src/ebpf/failure.ts";
import { EbpfUnavailable } from "../../../src/ebpf/unavailable.ts";

/** The reason for which `work` says that eBPF is unavailable; `undefined` where it does not. */
export const unavailableReason = (work: () => unknown): EbpfFailureReason | undefined => {
  try {
    work();
  } catch (error) {
    if (error instanceof EbpfUnavailable) return error.reason;
    throw error;
  }
  return undefined;
};
