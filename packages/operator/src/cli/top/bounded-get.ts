import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { TlsMaterial } from "@pcmc/controller-runtime";

/** Bytes of an answer at the most: an agent's page has some ten kilobytes a Pod. */
export const MOST_BYTES = 16 * 1024 * 1024;

/** Milliseconds for all of it. */
const TIMEOUT = 5_000;

export interface BoundedGetOptions {
  readonly signal: AbortSignal;
  readonly tls?: TlsMaterial | undefined;
  /** The value of the header `Authorization`. */
  readonly authorization?: string | undefined;
  /** What kind of answer is wanted. Default: JSON. */
  readonly accept?: string | undefined;
}

/** What came, whatever its status. */
export interface BoundedAnswer {
  readonly status: number;
  readonly text: string;
  /** The header `Date`. */
  readonly date: string | undefined;
}

/**
 * Gets JSON from somebody who need not mean well: an answer that is too large or takes too long is given up, and none leads
 * elsewhere.
 *
 * @throws Error that says what came instead; the signal's reason when it aborts.
 */
export const boundedGet = async (url: URL, options: BoundedGetOptions): Promise<unknown> => {
  const { status, text } = await boundedAnswer(url, options);
  if (status !== 200) throw new Error(`it answers ${status}: ${messageIn(text) ?? "is it a node agent?"}`);
  return parsed(text);
};

/**
 * The same for any answer.
 *
 * @throws Error where none comes; the signal's reason when it aborts.
 */
export const boundedAnswer = async (url: URL, { signal, ...options }: BoundedGetOptions): Promise<BoundedAnswer> => {
  const ending = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]);
  try {
    const response = await opened(url, { ...options, signal: ending });
    const text = await textOf(response);
    return { status: response.statusCode ?? 0, text, date: response.headers.date };
  } catch (error) {
    signal.throwIfAborted();
    throw ending.aborted ? new Error(`it does not answer within ${TIMEOUT / 1_000} s`) : error;
  }
};

const opened = (
  url: URL,
  { signal, tls, authorization, accept = "application/json" }: BoundedGetOptions,
): Promise<IncomingMessage> => {
  const headers = { accept, ...(authorization !== undefined && { authorization }) };
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    // A connection of its own: there is nothing to keep between two looks.
    send(url, { ...tls, headers, signal, agent: false }, resolve)
      .once("error", reject)
      .end();
  });
};

const textOf = async (response: IncomingMessage): Promise<string> => {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    // Leaving the loop ends the connection.
    if (bytes > MOST_BYTES) throw new Error(`it answers more than ${MOST_BYTES / 1024 / 1024} MiB`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
};

/** JSON.parse would name parts of the text. */
const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("it answers something else than a node agent of this version");
  }
};

/** What an API server says of a request that it refuses. */
export const messageIn = (text: string): string | undefined => {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    if (typeof message === "string") return message;
  } catch {
    // It is no API server.
  }
  return undefined;
};
