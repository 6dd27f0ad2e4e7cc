import type { KubernetesObject } from "../object.ts";
import type { Projection } from "./projection.ts";

/** The types of a watch event, as the API names them. */
export type WatchEventType = "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";

/** One event of a watch. With `ERROR`, `object` is a `Status`. */
export interface WatchEvent<T> {
  readonly type: WatchEventType;
  readonly object: T;
}

/** One state of one object. */
export interface Identity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

/** Whether the state that an event (`ADDED`, `MODIFIED`) tells of is at hand: the event is dealt with by the question. */
export type Skip = (identity: Identity) => boolean;

/** An object that is at hand in this very state, and need not be decoded again. */
export type Known<T> = (identity: Identity) => T | undefined;

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
  /** Decodes one object. A decoder may ask `known` first, and then returns what that has. @throws Error */
  object(bytes: Buffer, known?: Known<T>): T;
  /** Decodes a page of a list. @throws Error */
  page(bytes: Buffer): Page<T>;
  /** Decodes a watch. A decoder may ask `skip` before it decodes an object, and then passes over what that takes. */
  events(onEvent: (event: WatchEvent<T>) => void, skip?: Skip): EventStream;
}

/** Makes decoders for one media type. */
export interface Codec {
  decoder<T extends KubernetesObject>(projection: Projection): Decoder<T>;
}
