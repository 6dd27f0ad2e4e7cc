import type { IncomingMessage } from "node:http";
import { type FrameWalker, frameWalker } from "./frames.ts";

/** An answer as it was at some time. */
export interface Recording {
  readonly contentType: string;
  readonly body: Buffer;
}

/** The API server marks the bookmark after which a watch has told the whole state (KEP-3157). */
const INITIAL_EVENTS_END = "k8s.io/initial-events-end";
/** What differs between two requests for the same state. */
const VOLATILE = ["timeoutSeconds", "resourceVersion", "continue"];
/** Bytes. A larger state is not recorded: tests that want an old world have a small one. */
const LARGEST = 1024 * 1024;
/** Of one request. The first stays, so that the oldest world does. */
const MOST = 16;

/** Old states of the world: the complete lists that a server has answered, as lists or at the beginning of watches. */
export class Recordings {
  readonly #byRequest = new Map<string, Recording[]>();

  /**
   * The answer to such a request as it was once: the newest with `age` 0, the one before with 1; the oldest where there are
   * not so many; `undefined` where there is none.
   */
  find(path: string, age: number): Recording | undefined {
    const recordings = this.#byRequest.get(requestOf(path)) ?? [];
    return recordings[Math.max(0, recordings.length - 1 - age)];
  }

  /** Listens to an answer, and keeps it up to the point where it has told a whole state. */
  listen(path: string, answer: IncomingMessage): void {
    if (answer.statusCode !== 200) return;
    const contentType = answer.headers["content-type"] ?? "";
    const isWatch = /[?&]watch=(?:true|1)/.test(path);
    const state = isWatch ? new InitialEvents(contentType) : undefined;
    const chunks: Buffer[] = [];
    let size = 0;
    const keep = (length: number) => this.#keep(path, { contentType, body: Buffer.concat(chunks).subarray(0, length) });
    const stop = () => answer.off("data", onData).off("end", onEnd);
    const onData = (chunk: Buffer) => {
      chunks.push(chunk);
      const end = state?.end(chunk) ?? -1;
      if (end >= 0) keep(size + end);
      size += chunk.length;
      if (end >= 0 || size > LARGEST) stop();
    };
    // A watch that ends before it has told the state is no recording; a list is whole only then.
    const onEnd = () => {
      if (!isWatch) keep(size);
    };
    answer.on("data", onData).on("end", onEnd);
  }

  #keep(path: string, recording: Recording): void {
    const request = requestOf(path);
    const recordings = this.#byRequest.get(request) ?? [];
    recordings.push(recording);
    if (recordings.length > MOST) recordings.splice(1, 1);
    this.#byRequest.set(request, recordings);
  }
}

/** Looks for the end of the bookmark that ends the initial events. */
class InitialEvents {
  readonly #walker: FrameWalker;
  /** Of the event under way, from earlier chunks. */
  #begun: Buffer[] = [];

  constructor(contentType: string) {
    this.#walker = frameWalker(contentType);
  }

  /** How many bytes of `chunk` belong to it, or -1 when it ends later. */
  end(chunk: Buffer): number {
    for (let at = 0; ; ) {
      const end = this.#walker.end(chunk, at);
      if (end < 0) {
        this.#begun.push(chunk.subarray(at));
        return -1;
      }
      const event = Buffer.concat([...this.#begun, chunk.subarray(at, end)]);
      this.#begun = [];
      if (event.includes(INITIAL_EVENTS_END)) return end;
      at = end;
    }
  }
}

const requestOf = (target: string): string => {
  const [path = "", query = ""] = target.split("?", 2);
  const kept = new URLSearchParams(query);
  for (const name of VOLATILE) kept.delete(name);
  return `${path}?${kept}`;
};
