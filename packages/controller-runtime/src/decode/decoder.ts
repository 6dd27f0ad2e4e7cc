import type { KubernetesObject } from "../object.ts";
import type { Projection } from "./projection.ts";

/** The types of a watch event, as the API names them. */
export type WatchEventType = "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";

/** One event of a watch. With `ERROR`, `object` is a `Status`. */
export interface WatchEvent<T> {
  readonly type: WatchEventType;
  readonly object: T;
}

/** A page of a list. */
export interface Page<T> {
  readonly resourceVersion: string;
  /** The token of the next page; `undefined` on the last one. */
  readonly continue: string | undefined;
  readonly items: T[];
}

/** Takes the bytes of a watch as they come and calls back once per event, in order. */
export interface EventStream {
  /** @throws Error when the bytes cannot be an event; the stream is of no use after that. */
  push(chunk: Buffer): void;
}

/**
 * How objects come out of bytes. JSON is what the API server speaks for every type; protobuf, for the built-in ones,
 * fits behind the same interface.
 */
export interface Decoder<T extends KubernetesObject> {
  /** The media type to ask for. */
  readonly accept: string;
  /** The media type to ask for in a watch. */
  readonly watchAccept: string;
  /** Decodes one object. @throws Error */
  object(bytes: Buffer): T;
  /** Decodes a page of a list. @throws Error */
  page(bytes: Buffer): Page<T>;
  /** Decodes a watch. */
  events(onEvent: (event: WatchEvent<T>) => void): EventStream;
}

/** Makes decoders for one media type. */
export interface Codec {
  decoder<T extends KubernetesObject>(projection: Projection): Decoder<T>;
}
