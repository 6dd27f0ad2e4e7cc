import type { Status } from "kubernetes-types/meta/v1.d.ts";
import type { KubernetesObject } from "../object.ts";
import type { Resource } from "../resource.ts";
import type { Decoder, EventStream, Page, WatchEvent, WatchEventType } from "./decoder.ts";
import { type Plan, planAll, planEnvelope, planObject } from "./json-reader.ts";
import { type Projection, withAlwaysDecoded } from "./projection.ts";
import { configMap, listOf, type Message, pod, status } from "./protobuf-messages.ts";
import { ProtobufError, ProtobufReader } from "./protobuf-reader.ts";
import { StringTable } from "./string-table.ts";

/** The media type of the API server's protobuf. */
const PROTOBUF = "application/vnd.kubernetes.protobuf";

/** Before every object that stands alone; a `runtime.Unknown` follows (apimachinery, serializer/protobuf/protobuf.go). */
const MAGIC = Buffer.from("k8s\0");

/** `runtime.Unknown` and `runtime.RawExtension` hold bytes that are read in place, so they are found by hand. */
const UNKNOWN_RAW = 2;
const EXTENSION_RAW = 1;
const WATCH_TYPE = 1;
const WATCH_OBJECT = 2;

const podConditionFields: Projection = { type: true, status: true, reason: true, message: true };
const podFields: Projection = {
  metadata: true,
  spec: { nodeName: true, hostNetwork: true },
  status: { phase: true, conditions: podConditionFields },
};

/** Which kinds are known, and which of their fields; what a projection wants beyond them is read as JSON. */
const messages: ReadonlyMap<string, { readonly message: Message; readonly fields: Projection }> = new Map([
  ["v1/ConfigMap", { message: configMap, fields: { metadata: true, data: true, binaryData: true, immutable: true } }],
  ["v1/Pod", { message: pod, fields: podFields }],
]);

/** Whether an answer's body is protobuf. */
export const isProtobuf = (bytes: Buffer): boolean => bytes.subarray(0, MAGIC.length).equals(MAGIC);

/** The `Status` in a protobuf body. @throws ProtobufError */
export const protobufStatus = (bytes: Buffer): Status => {
  const [start, end] = rawOf(bytes, 0, bytes.length);
  return new ProtobufReader().read(bytes, status, { start, end }) as Status;
};

/**
 * Makes decoders of protobuf for the built-in kinds whose messages are known: the server encodes them in half the time,
 * and here the unwanted parts are skipped by their length. `undefined` for every other kind, and for projections that want
 * more than is known of the kind.
 */
export const protobufCodec = () => {
  const strings = new StringTable();
  return {
    decoder: <T extends KubernetesObject>(
      resource: Resource<T>,
      options: ProtobufOptions<T>,
    ): Decoder<T> | undefined => {
      const known = messages.get(`${resource.apiVersion}/${resource.kind}`);
      if (known === undefined || !isWithin(known.fields, options.projection)) return undefined;
      return protobufDecoder<T>(known.message, { ...options, strings });
    },
  };
};

interface ProtobufOptions<T extends KubernetesObject> {
  readonly projection: Projection;
  /** Takes what is JSON all the same: from a proxy, or a server that has no protobuf. */
  readonly json: Decoder<T>;
}

/** Whether `narrow` asks for nothing outside `wide`; digests of what is inside are inside. */
const isWithin = (wide: Projection, narrow: Projection): boolean => {
  if (wide === true) return !(typeof narrow === "object" && "managedFields" in narrow);
  if (wide === "digest" || narrow === true || narrow === "digest") return false;
  return Object.entries(narrow).every(([field, inner]) => {
    const known = Object.hasOwn(wide, field) ? wide[field] : undefined;
    return known !== undefined && isWithin(known, inner);
  });
};

const protobufDecoder = <T extends KubernetesObject>(
  message: Message,
  { projection, json, strings }: ProtobufOptions<T> & { readonly strings: StringTable },
): Decoder<T> => {
  const reader = new ProtobufReader(strings);
  const plan = planObject(withAlwaysDecoded(projection));
  const list = listOf(message);
  const listPlan = planEnvelope({ metadata: planAll, items: plan });
  const read = (bytes: Buffer, as: Message, how: Plan, [start, end]: Range = rawOf(bytes, 0, bytes.length)) =>
    reader.read(bytes, as, { plan: how, start, end });
  return {
    accept: `${PROTOBUF},${json.accept}`,
    watchAccept: `${PROTOBUF};stream=watch,${json.watchAccept}`,
    // The casts are the boundary: what the API server sends for a resource is taken to be of its type.
    object: (bytes, known) => {
      if (!isProtobuf(bytes)) return json.object(bytes, known);
      const range = rawOf(bytes, 0, bytes.length);
      return known?.(reader.identity(bytes, range)) ?? (read(bytes, message, plan, range) as T);
    },
    page: (bytes) => (isProtobuf(bytes) ? pageOf<T>(read(bytes, list, listPlan)) : json.page(bytes)),
    events: (onEvent, skip) => {
      const binary = frames((bytes) => {
        const { type, object } = watchEventOf(bytes);
        if (skip !== undefined && isState(type) && skip(reader.identity(bytes, object))) return;
        const isRare = type === "ERROR" || type === "BOOKMARK";
        const as = type === "ERROR" ? status : message;
        onEvent({ type, object: read(bytes, as, isRare ? planAll : plan, object) } as WatchEvent<T>);
      });
      let stream: EventStream | undefined;
      return {
        push: (chunk) => {
          // A frame begins with its length, the first byte of which is 0 below 16 MiB; JSON begins with a brace.
          stream ??= chunk[0] === OPEN_BRACE ? json.events(onEvent, skip) : binary;
          stream.push(chunk);
        },
      };
    },
  };
};

const pageOf = <T>(list: Readonly<Record<string, unknown>>): Page<T> => {
  const { metadata, items } = list as {
    readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
    readonly items?: T[];
  };
  return { resourceVersion: metadata?.resourceVersion ?? "", continue: metadata?.continue, items: items ?? [] };
};

type Range = readonly [start: number, end: number];

/** The range of an object's message behind the magic bytes and the `Unknown` around it. */
const rawOf = (bytes: Buffer, start: number, end: number): Range => {
  if (!bytes.subarray(start, start + MAGIC.length).equals(MAGIC)) throw new ProtobufError(start, "k8s\\0 is missing");
  return rangeOf(bytes, UNKNOWN_RAW, [start + MAGIC.length, end]);
};

const watchEventOf = (bytes: Buffer): { readonly type: WatchEventType; readonly object: Range } => {
  const whole: Range = [0, bytes.length];
  const [typeStart, typeEnd] = rangeOf(bytes, WATCH_TYPE, whole);
  const [rawStart, rawEnd] = rangeOf(bytes, EXTENSION_RAW, rangeOf(bytes, WATCH_OBJECT, whole));
  const type = bytes.toString("latin1", typeStart, typeEnd) as WatchEventType;
  return { type, object: rawOf(bytes, rawStart, rawEnd) };
};

/** Whether an event tells a state of an object, and not its end or something else. */
const isState = (type: WatchEventType): boolean => type === "ADDED" || type === "MODIFIED";

/** Where the length-delimited field `number` of a message lies; empty where it is absent. */
const rangeOf = (bytes: Buffer, number: number, [start, end]: Range): Range => {
  let at = start;
  while (at < end) {
    const tag = bytes[at++] ?? 0;
    if ((tag & 7) !== 2) throw new ProtobufError(at, "an envelope has only length-delimited fields");
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 28) throw new ProtobufError(at, "a length is cut off");
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const close = at + (length >>> 0);
    if (close > end) throw new ProtobufError(at, "a field is longer than its message");
    if (tag >>> 3 === number) return [at, close];
    at = close;
  }
  return [end, end];
};

const OPEN_BRACE = 0x7b;

/** A frame larger than this is no event: etcd refuses values above 1.5 MiB. */
const LARGEST_FRAME = 64 * 1024 * 1024;

/** Cuts a stream into frames: four bytes of length, big-endian, then the frame (apimachinery, framer.go). */
const frames = (onFrame: (frame: Buffer) => void): EventStream => {
  let rest: Buffer = Buffer.alloc(0);
  /** Chunks since, not joined before a frame is complete: a large event comes in many. */
  let parts: Buffer[] = [];
  let missing = 4;
  return {
    push: (chunk) => {
      parts.push(chunk);
      missing -= chunk.length;
      if (missing > 0) return;
      let bytes = parts.length === 1 && rest.length === 0 ? chunk : Buffer.concat([rest, ...parts]);
      parts = [];
      while (bytes.length >= 4) {
        const length = bytes.readUInt32BE(0);
        if (length > LARGEST_FRAME) throw new ProtobufError(0, "a frame of more than 64 MiB");
        if (bytes.length < 4 + length) break;
        onFrame(bytes.subarray(4, 4 + length));
        bytes = bytes.subarray(4 + length);
      }
      rest = bytes;
      missing = (rest.length >= 4 ? 4 + rest.readUInt32BE(0) : 4) - rest.length;
    },
  };
};
