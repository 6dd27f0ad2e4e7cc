/** A request that HTTP/1.1 cannot carry. It was not sent, and would not be at another try. */
export class RequestError extends Error {
  readonly code = "ERR_HTTP_REQUEST";

  constructor(message: string) {
    super(message);
    this.name = "RequestError";
  }
}

export interface OutgoingRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** `host[:port]`. */
  readonly host: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** What is not visible ASCII: a space would end the path, a line break the head. */
const NOT_IN_PATH = /[^\x21-\x7e]/;
/** What a header's value cannot hold (RFC 9110, section 5.5). */
const NOT_IN_VALUE = /[^\t\x20-\x7e]/;

/** The whole of a request, as text to be sent as UTF-8. @throws RequestError. */
export const writeRequest = ({ method, path, host, headers, body }: OutgoingRequest): string => {
  if (NOT_IN_PATH.test(path)) throw new RequestError("the path has a character that must be percent-encoded");
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (const name in headers) {
    const value = headers[name] ?? "";
    // Without the value: it may be a credential.
    if (NOT_IN_VALUE.test(value)) throw new RequestError(`the header ${name} has a character that HTTP forbids`);
    head += `${name}: ${value}\r\n`;
  }
  return body === undefined ? `${head}\r\n` : `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
};
