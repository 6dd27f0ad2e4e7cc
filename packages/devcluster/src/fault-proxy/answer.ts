import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import { PlaceFinder } from "./place.ts";
import { rechunker } from "./rechunk.ts";
import type { Recording } from "./recordings.ts";
import type { Action } from "./rule.ts";

/** Closes the connection of an answer once what was written to it is on its way. */
export const cut = (response: ServerResponse): void => {
  response.socket?.destroySoon();
};

/** Answers in the server's stead. */
export const answerWith = (response: ServerResponse, { status, headers, body }: Action & { type: "answer" }): void => {
  const isText = typeof body === "string" || body === undefined;
  const type = isText ? "text/plain" : "application/json";
  response.writeHead(status, { "content-type": type, ...headers });
  response.end(isText ? body : JSON.stringify(body));
};

/** Answers with what the server said once. */
export const replay = (response: ServerResponse, { contentType, body }: Recording): void => {
  response.writeHead(200, { "content-type": contentType });
  response.end(body);
};

/** What passing an answer on needs. */
export interface PassOptions {
  readonly action: Action | undefined;
  /** Calls back after a time, in milliseconds, unless the proxy is stopped before. */
  readonly later: (ms: number, callback: () => void) => void;
}

/** Passes an answer on, changed as `action` says; what it does not speak of is passed on as it is. */
export const passOn = (from: IncomingMessage, to: ServerResponse, { action, later }: PassOptions): void => {
  // A server that breaks off its answer is passed on as that.
  from.once("error", () => cut(to));
  if (action?.type === "lose-answer") {
    from.once("end", () => cut(to));
    from.resume();
    return;
  }
  to.writeHead(from.statusCode ?? 502, answerHeaders(from.headers, action));
  to.flushHeaders();
  if (action?.type === "cut" || action?.type === "end" || action?.type === "stall") {
    passUntil(from, to, action);
    return;
  }
  if (action?.type === "lag") {
    // Timers of one length fire in the order in which they were set.
    from.on("data", (chunk: Buffer) => later(action.ms, () => to.write(chunk)));
    from.once("end", () => later(action.ms, () => to.end()));
    return;
  }
  const pieces = action?.type === "rechunk" ? rechunker(action.into) : (chunk: Buffer) => [chunk];
  from.on("data", (chunk: Buffer) => {
    for (const piece of pieces(chunk)) to.write(piece);
    if (!to.writableNeedDrain) return;
    // A slow reader is slow for the server too.
    from.pause();
    to.once("drain", () => from.resume());
  });
  from.once("end", () => to.end());
};

/** Passes the body on up to a place, and does there what `action` says. */
const passUntil = (from: IncomingMessage, to: ServerResponse, action: Action & { type: "cut" | "end" | "stall" }) => {
  const finder = new PlaceFinder(action.at, from.headers["content-type"]);
  const onData = (chunk: Buffer) => {
    const length = finder.find(chunk);
    to.write(length < 0 ? chunk : chunk.subarray(0, length));
    if (length >= 0) stop();
  };
  const onEnd = () => to.end();
  const stop = () => {
    from.off("data", onData).off("end", onEnd);
    // What still comes is thrown away: the server must not notice.
    from.resume();
    if (action.type === "cut") cut(to);
    if (action.type === "end") to.end();
  };
  from.on("data", onData).on("end", onEnd);
  // A place before the first byte must not wait for one: a watch may have nothing to say for a long time.
  if (finder.find(Buffer.alloc(0)) === 0) stop();
};

/** An answer whose body may be changed or cut is passed on in chunks: its length would be a lie. */
const answerHeaders = (headers: IncomingHttpHeaders, action: Action | undefined): IncomingHttpHeaders => {
  const { connection: _connection, "transfer-encoding": _encoding, "keep-alive": _keepAlive, ...kept } = headers;
  if (action?.type === "end" || action?.type === "rechunk") delete kept["content-length"];
  return kept;
};
