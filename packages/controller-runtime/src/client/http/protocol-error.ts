/** The server sent what is not HTTP/1.1: nothing that follows on that connection can be trusted. */
export class ProtocolError extends Error {
  readonly code = "ERR_HTTP_PROTOCOL";

  /** `found`: what the answer has that it must not have. */
  constructor(found: string) {
    super(`the answer is not HTTP/1.1: ${found}`);
    this.name = "ProtocolError";
  }
}
