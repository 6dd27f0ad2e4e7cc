/*
 * Invariants
 * - Each event of a watch comes out once, in order, however the stream is cut, with the projection applied.
 * - Bookmarks and errors come out whole, whatever the projection.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { WatchEvent } from "../../src/decode/decoder.ts";
import { jsonCodec } from "../../src/decode/json.ts";
import type { KubernetesObject } from "../../src/object.ts";

const decoder = jsonCodec().decoder<KubernetesObject>({ spec: { nodeName: true } });
const metadata = { name: "a", namespace: "ns", uid: "u", resourceVersion: "7" };
const POD = { metadata: { ...metadata, labels: { a: "b" } }, spec: { nodeName: "n", more: [1] } };
const SEEN = { metadata, spec: { nodeName: "n" } };

const decode = (stream: Buffer, cuts: readonly number[] = []): WatchEvent<KubernetesObject>[] => {
  const events: WatchEvent<KubernetesObject>[] = [];
  const into = decoder.events((event) => events.push(event));
  let start = 0;
  for (const cut of [...cuts].map((cut) => cut % stream.length).sort((a, b) => a - b)) {
    into.push(stream.subarray(start, cut));
    start = cut;
  }
  into.push(stream.subarray(start));
  return events;
};

const line = (type: string, object: object): Buffer => Buffer.from(`${JSON.stringify({ type, object })}\n`);

describe("the JSON decoder", () => {
  test("gives each event once, in order, however the stream is cut", () => {
    const types = ["ADDED", "MODIFIED", "DELETED"];
    const stream = Buffer.concat(types.map((type) => line(type, POD)));
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 10 }), (cuts) => {
        expect(decode(stream, cuts)).toEqual(types.map((type) => ({ type, object: SEEN })));
      }),
    );
  });

  test("gives the annotations of a bookmark, which say that the initial events are complete", () => {
    const object = { metadata: { resourceVersion: "7", annotations: { "k8s.io/initial-events-end": "true" } } };
    expect(decode(line("BOOKMARK", object))).toEqual([{ type: "BOOKMARK", object }]);
  });

  test("gives the whole Status of an error", () => {
    const object = { kind: "Status", code: 410, reason: "Expired", message: "too old", metadata: {} };
    expect(decode(line("ERROR", object))).toEqual([{ type: "ERROR", object }]);
  });

  test("reads an event that is spelled otherwise, too", () => {
    const stream = Buffer.from(`{ "object": ${JSON.stringify(POD)}, "type": "ADDED" }\n`);
    expect(decode(stream)).toMatchObject([{ type: "ADDED", object: SEEN }]);
  });

  test.each([
    ["null", null, []],
    ["absent", undefined, []],
    ["there", [POD], [SEEN]],
  ])("reads a page whose items are %s", (_how, items, expected) => {
    const page = { metadata: { resourceVersion: "9", continue: "" }, items };
    expect(decoder.page(Buffer.from(JSON.stringify(page)))).toEqual({
      resourceVersion: "9",
      continue: undefined,
      items: expected,
    });
  });

  test("refuses a stream that is no JSON, with the place", () => {
    expect(() => decode(Buffer.from("<html>\n"))).toThrow(/byte 0/);
  });
});
