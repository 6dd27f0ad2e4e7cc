import type { KubernetesObject } from "../object.ts";
import type { Codec, Decoder, WatchEvent } from "./decoder.ts";
import { JsonReader, type Plan, planAll, planEnvelope, planObject } from "./json-reader.ts";
import { LineSplitter } from "./line-splitter.ts";
import { ByProjection, type Projection, withAlwaysDecoded } from "./projection.ts";
import { StringTable } from "./string-table.ts";

/** What of a `BOOKMARK` matters, besides the resourceVersion. */
export const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

interface ListEnvelope<T> {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: T[] | null;
}

/** Decodes JSON, and of it only what a projection asks for. Decoders are kept for as long as their projections live. */
export const jsonCodec = (): Codec => {
  const strings = new StringTable();
  const made = new ByProjection<Decoder<KubernetesObject>>();
  return {
    decoder: <T extends KubernetesObject>(projection: Projection) => {
      const known = made.get(projection);
      // The cast is the boundary named below.
      if (known !== undefined) return known as Decoder<T>;
      const decoder = jsonDecoder<T>(projection, strings);
      made.set(projection, decoder);
      return decoder;
    },
  };
};

const jsonDecoder = <T extends KubernetesObject>(projection: Projection, strings: StringTable): Decoder<T> => {
  const reader = new JsonReader(strings);
  const object = planObject(withAlwaysDecoded(projection));
  const page = planEnvelope({ metadata: planAll, items: object });
  const event = planEnvelope({ type: planAll, object });
  return {
    accept: "application/json",
    watchAccept: "application/json",
    // The casts are the boundary: what the API server sends for a resource is taken to be of its type.
    object: (bytes) => reader.read(bytes, object) as T,
    page: (bytes) => {
      const list = reader.read(bytes, page) as ListEnvelope<T>;
      return {
        resourceVersion: list.metadata?.resourceVersion ?? "",
        continue: list.metadata?.continue || undefined,
        items: list.items ?? [],
      };
    },
    events: (onEvent) => {
      const lines = new LineSplitter((bytes, start, end) => {
        const plan = isPlain(bytes, start) ? event : rarePlan;
        onEvent(reader.read(bytes, plan, start, end) as WatchEvent<T>);
      });
      return { push: (chunk) => lines.push(chunk) };
    },
  };
};

/** A bookmark's annotations and an error's Status are wanted whole, whatever the projection says. */
const rarePlan: Plan = planEnvelope({ type: planAll, object: planObject(true) });

/** Whether the event that starts at `start` is `ADDED`, `MODIFIED` or `DELETED`: `{"type":"A`, `M`, `D`. */
const isPlain = (bytes: Buffer, start: number): boolean => {
  const initial = bytes[start + 9];
  return initial === 0x41 || initial === 0x4d || initial === 0x44;
};
