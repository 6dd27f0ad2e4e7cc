import type { EbpfFailure, EbpfFailureReason } from "./failure.ts";

/** A failure of one Pod that is not the kernel's answer to a call, but our own finding. */
export class EbpfError extends Error implements EbpfFailure {
  override readonly name = "EbpfError";
  readonly reason: EbpfFailureReason;

  constructor({ reason, message }: EbpfFailure, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}
