import type { EbpfFailure, EbpfFailureReason } from "./failure.ts";

/**
 * Nothing of eBPF works on this node as it is. The agent stays up, says why and tries again: a bpffs can be mounted and a
 * permission given later.
 */
export class EbpfUnavailable extends Error implements EbpfFailure {
  override readonly name = "EbpfUnavailable";
  readonly reason: EbpfFailureReason;

  constructor(failure: EbpfFailure, options?: ErrorOptions) {
    super(failure.message, options);
    this.reason = failure.reason;
  }
}
