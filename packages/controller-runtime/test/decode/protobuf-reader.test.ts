/*
 * Invariants
 * - Whatever bytes come, reading ends: with a value or a ProtobufError.
 * - What is not asked for, and fields of numbers that are not known, leave no trace and do not disturb the rest.
 * - However a watch is cut into chunks, the same events come out.
 */
import fc from "fast-check";
import type { ConfigMap, Secret } from "kubernetes-types/core/v1.d.ts";
import { describe, expect, test } from "vitest";
import type { Decoder, Identity, WatchEvent } from "../../src/decode/decoder.ts";
import { jsonCodec } from "../../src/decode/json.ts";
import type { Projection } from "../../src/decode/projection.ts";
import { protobufCodec } from "../../src/decode/protobuf.ts";
import { configMap, objectMeta } from "../../src/decode/protobuf-messages.ts";
import { ProtobufError, ProtobufReader } from "../../src/decode/protobuf-reader.ts";
import { ConfigMaps, Secrets } from "../../src/resource.ts";
import { protobufBody } from "../support/protobuf-body.ts";

const WHOLE: Projection = { metadata: true, data: true, binaryData: true, immutable: true };

const decoderOf = (projection: Projection): Decoder<ConfigMap> => {
  const json = jsonCodec().decoder<ConfigMap>(projection);
  const decoder = protobufCodec().decoder(ConfigMaps, { projection, json });
  if (decoder === undefined) throw new Error("there is no protobuf decoder for this projection");
  return decoder;
};

const bodyOf = (object: ConfigMap): Buffer => {
  const body = protobufBody({ apiVersion: "v1", kind: "ConfigMap", ...object });
  if (body === undefined) throw new Error("this object has no protobuf body");
  return body;
};

const sample: ConfigMap = {
  metadata: { name: "a", namespace: "n", labels: { app: "é", empty: "" }, annotations: { __proto__x: "1" } },
  data: { key: "x".repeat(300), other: "" },
};

/** A watch event as the server frames it. */
const frameOf = (type: string, object: ConfigMap): Buffer => {
  const field = (number: number, bytes: Buffer): Buffer => {
    const length: number[] = [];
    let rest = bytes.length;
    for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
    return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, rest]), bytes]);
  };
  const event = Buffer.concat([field(1, Buffer.from(type)), field(2, field(1, bodyOf(object)))]);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(event.length);
  return Buffer.concat([head, event]);
};

describe("protobuf", () => {
  test("gives back what was written", () => {
    const text = fc.string({ unit: "binary", maxLength: 200 });
    const entries = fc.dictionary(fc.string({ maxLength: 20 }), text, {
      minKeys: 1,
      maxKeys: 4,
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(entries, entries, (data, labels) => {
        const object: ConfigMap = { metadata: { name: "a", namespace: "n", labels }, data };
        // Lone surrogates have no UTF-8.
        fc.pre(
          [data, labels].every((map) =>
            Object.entries(map)
              .flat()
              .every((part) => part.isWellFormed()),
          ),
        );
        expect(decoderOf(WHOLE).object(bodyOf(object))).toEqual(object);
      }),
    );
  });

  test("ends with a value or a ProtobufError, whatever the bytes", () => {
    const good = bodyOf(sample).subarray(4);
    const damaged = fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 4 })).map(([place, junk]) => {
      const at = place % good.length;
      return Buffer.concat([good.subarray(0, at), junk, good.subarray(at + (place % 5))]);
    });
    const noise = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(damaged, noise), fc.constantFrom(configMap, objectMeta), (bytes, message) => {
        try {
          new ProtobufReader().read(bytes, message);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufError);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test("leaves out what is not asked for", () => {
    const decoder = decoderOf({ metadata: { labels: { app: true } }, data: { other: true } });
    expect(decoder.object(bodyOf(sample))).toEqual({
      metadata: { name: "a", namespace: "n", labels: { app: "é" } },
      data: { other: "" },
    });
  });

  test("is not used for what it does not know of a kind, nor for kinds it does not know", () => {
    const json = jsonCodec().decoder<ConfigMap>(true);
    expect(protobufCodec().decoder(ConfigMaps, { projection: true, json })).toBeUndefined();
    expect(protobufCodec().decoder(ConfigMaps, { projection: { spec: true }, json })).toBeUndefined();
    const secrets = jsonCodec().decoder<Secret>(true);
    expect(protobufCodec().decoder(Secrets, { projection: { metadata: true }, json: secrets })).toBeUndefined();
  });

  test("asks about a state before it decodes it, and passes over what is at hand", () => {
    const state = (name: string, resourceVersion: string): ConfigMap => ({
      metadata: { name, namespace: "n", uid: `uid-${name}`, resourceVersion, labels: { app: "x" } },
      data: { key: "value" },
    });
    const asked: Identity[] = [];
    const events: WatchEvent<ConfigMap>[] = [];
    const skip = (identity: Identity) => {
      asked.push(identity);
      return identity.name === "known";
    };
    const watch = decoderOf(WHOLE).events((event) => events.push(event), skip);
    watch.push(frameOf("ADDED", state("known", "7")));
    watch.push(frameOf("MODIFIED", state("new", "8")));
    watch.push(frameOf("DELETED", state("known", "9")));
    expect(asked).toEqual([
      { name: "known", namespace: "n", uid: "uid-known", resourceVersion: "7" },
      { name: "new", namespace: "n", uid: "uid-new", resourceVersion: "8" },
    ]);
    expect(events.map(({ type, object }) => `${type} ${object.metadata?.name}`)).toEqual([
      "MODIFIED new",
      "DELETED known",
    ]);
  });

  test("returns an object that is at hand in the state that was sent", () => {
    const stored: ConfigMap = { metadata: { name: "a", namespace: "n", uid: "u", resourceVersion: "7" } };
    const known = ({ resourceVersion }: Identity) => (resourceVersion === "7" ? stored : undefined);
    const decoder = decoderOf(WHOLE);
    expect(decoder.object(bodyOf({ ...stored, data: { key: "not decoded" } }), known)).toBe(stored);
    const newer: ConfigMap = { metadata: { ...stored.metadata, resourceVersion: "8" }, data: { key: "value" } };
    expect(decoder.object(bodyOf(newer), known)).toEqual(newer);
  });

  test("finds no identity in what is no object, and says so of what is no message", () => {
    const nothing = { namespace: "", name: "", uid: "", resourceVersion: "" };
    expect(new ProtobufReader().identity(Buffer.alloc(0), [0, 0])).toEqual(nothing);
    const cut = Buffer.from([0x0a, 0x05, 0x0a, 0x60]);
    expect(() => new ProtobufReader().identity(cut, [0, cut.length])).toThrow(ProtobufError);
  });

  test("gives the same events however the stream is cut", () => {
    const stream = Buffer.concat(["ADDED", "MODIFIED", "DELETED"].map((type) => frameOf(type, sample)));
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 12 }), (places) => {
        const ends = [...new Set(places), stream.length].sort((a, b) => a - b);
        const events: WatchEvent<ConfigMap>[] = [];
        const watch = decoderOf(WHOLE).events((event) => events.push(event));
        let start = 0;
        for (const end of ends) {
          if (end > start) watch.push(stream.subarray(start, end));
          start = end;
        }
        expect(events.map(({ type }) => type)).toEqual(["ADDED", "MODIFIED", "DELETED"]);
        for (const { object } of events) expect(object).toEqual(sample);
      }),
    );
  });
});
