// Invariants:
// - What is told does not depend on where the bytes were cut.
// - An answer ends where RFC 9112 says, and nowhere else; what follows it is never taken for the next answer.
// - What is not HTTP/1.1, or could be read in two ways, is an error, not a guess.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolError } from "../../../src/client/http/protocol-error.ts";
import { ResponseParser } from "../../../src/client/http/response-parser.ts";

/** Feeds the pieces; returns what was told, the body in one. */
const read = (pieces: readonly (string | Buffer)[], { ends = false } = {}) => {
  const told: unknown[] = [];
  const body: Buffer[] = [];
  const parser = new ResponseParser({
    onHead: ({ status, headers, keepAlive }) => told.push({ status, type: headers.get("content-type"), keepAlive }),
    onBody: (piece) => body.push(Buffer.from(piece)),
    onEnd: (isFollowed) => told.push(isFollowed ? "end, followed" : "end"),
  });
  parser.reset();
  for (const piece of pieces) parser.push(Buffer.from(piece));
  if (ends) parser.end();
  return { told, body: Buffer.concat(body).toString("latin1") };
};

const kept = Number.POSITIVE_INFINITY;

describe("an answer", () => {
  it.each([
    ["with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: a/b\r\n\r\nhello", "hello"],
    ["with a length of 0", "HTTP/1.1 200 OK\r\ncontent-type:a/b\r\ncontent-length: 0\r\n\r\n", ""],
    [
      "in chunks",
      "HTTP/1.1 200 OK\r\nContent-Type: a/b \r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
      "hello",
    ],
    [
      "in chunks with extensions and trailers",
      "HTTP/1.1 200\r\nContent-Type: a/b\r\nTransfer-Encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\n000\r\nA: b\r\nC: d\r\n\r\n",
      "hello",
    ],
    [
      "after announcements",
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: a/b\r\ncontent-length: 1\r\n\r\nx",
      "x",
    ],
  ])("%s is told whole, however it is cut", (_name, text, body) => {
    const expected = { told: [{ status: 200, type: "a/b", keepAlive: kept }, "end"], body };
    expect(read([text])).toEqual(expected);
    expect(read([...text])).toEqual(expected);
  });

  it("that ends with the connection", () => {
    const text = "HTTP/1.1 200 OK\r\ncontent-type: a/b\r\n\r\nhello";
    expect(read([text]).told).toHaveLength(1);
    expect(read([...text], { ends: true })).toEqual({
      told: [{ status: 200, type: "a/b", keepAlive: kept }, "end"],
      body: "hello",
    });
  });

  it.each([
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n",
  ])("that is cut off has no end, though the connection has: %j", (text) => {
    expect(read([text], { ends: true }).told).not.toContain("end");
  });

  it.each([204, 304])("%i has no body", (status) => {
    const text = `HTTP/1.1 ${status} x\r\n\r\n`;
    expect(read([text]).told).toEqual([{ status, type: undefined, keepAlive: kept }, "end"]);
  });

  it("that is followed by bytes says so, and they are not told", () => {
    const text = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx";
    expect(read([`${text}${text}`])).toEqual({
      told: [{ status: 200, type: undefined, keepAlive: kept }, "end, followed"],
      body: "x",
    });
    expect(() => read([text, text])).toThrow(ProtocolError);
  });

  it.each([
    ["HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 0\r\n\r\n", 0],
    ["HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close\r\ncontent-length: 0\r\n\r\n", 0],
    ["HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", 0],
    ["HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\ncontent-length: 0\r\n\r\n", 4_000],
    ["HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\ncontent-length: 0\r\n\r\n", 0],
  ])("says for how long its connection can be used: %j", (text, keepAlive) => {
    expect(read([text]).told[0]).toMatchObject({ keepAlive });
  });

  it("is told as it was made, whatever its body, its framing and the cuts", () => {
    const answers = fc.record({
      status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304),
      chunks: fc.array(fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))),
      isChunked: fc.boolean(),
      cuts: fc.array(fc.nat(), { maxLength: 12 }),
    });
    fc.assert(
      fc.property(answers, ({ status, chunks, isChunked, cuts }) => {
        const body = Buffer.concat(chunks);
        const framed = isChunked
          ? [...chunks.filter(({ length }) => length > 0), Buffer.alloc(0)].map((chunk) =>
              Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]),
            )
          : chunks;
        const framing = isChunked ? "transfer-encoding: chunked" : `content-length: ${body.length}`;
        const whole = Buffer.concat([Buffer.from(`HTTP/1.1 ${status} x\r\n${framing}\r\n\r\n`), ...framed]);
        const ends = [...cuts.map((cut) => cut % (whole.length + 1)), whole.length].sort((a, b) => a - b);
        const pieces = ends.map((end, i) => whole.subarray(ends[i - 1] ?? 0, end)).filter(({ length }) => length > 0);
        expect(read(pieces)).toEqual({
          told: [{ status, type: undefined, keepAlive: kept }, "end"],
          body: body.toString("latin1"),
        });
      }),
    );
  });
});

describe("what is not HTTP/1.1", () => {
  const chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
  it.each([
    ["another protocol", "SSH-2.0-OpenSSH_9\r\n\r\n"],
    ["HTTP/2's preface", "HTTP/2 200\r\n\r\n"],
    ["a status that is none", "HTTP/1.1 099 x\r\n\r\n"],
    ["a field without a name", "HTTP/1.1 200 OK\r\n: x\r\n\r\n"],
    ["a space before the colon", "HTTP/1.1 200 OK\r\ncontent-length : 5\r\n\r\n"],
    ["a folded field", "HTTP/1.1 200 OK\r\na: b\r\n c\r\n\r\n"],
    ["a bare LF in a field", "HTTP/1.1 200 OK\r\na: b\ncontent-length: 5\r\n\r\n"],
    ["a zero byte in a field", "HTTP/1.1 200 OK\r\na: \0\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n"],
    ["a length and chunks", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"],
    ["a length that is no number", "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n"],
    ["an encoding that was not asked for", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n"],
    ["a change of protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["a chunk without a size", `${chunked}\r\n`],
    ["a chunk's size that is no number", `${chunked}0x5\r\nhello\r\n`],
    ["a chunk's size that is too long", `${chunked}1234567890123\r\n`],
    ["a chunk that is longer than its size", `${chunked}1\r\nab\r\n`],
    ["a head without an end", `HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(20_000)}`],
    ["a chunk's extension without an end", `${chunked}5;${"x".repeat(5_000)}`],
  ])("%s is an error, however it is cut", (_name, text) => {
    expect(() => read([text])).toThrow(ProtocolError);
    expect(() => read([...text])).toThrow(ProtocolError);
  });

  it("never makes it fail otherwise, or tell more than one answer", () => {
    const piece = fc.constantFrom(
      "HTTP/1.1 200 OK",
      "\r\n",
      "\n",
      "content-length: 3",
      "transfer-encoding: chunked",
      "3",
      "abc",
      "0",
      " ",
      ":",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          const { told } = read([pieces.join("")]);
          expect(told.length).toBeLessThanOrEqual(2);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("a parser", () => {
  it("reads one answer after the other when it is made ready for each", () => {
    const statuses: number[] = [];
    const parser = new ResponseParser({
      onHead: ({ status }) => statuses.push(status),
      onBody: () => {},
      onEnd: () => {},
    });
    for (const status of [200, 404, 200]) {
      parser.reset();
      parser.push(Buffer.from(`HTTP/1.1 ${status} x\r\ncontent-length: 2\r\n\r\nab`));
    }
    expect(statuses).toEqual([200, 404, 200]);
  });

  it("tells nothing more once it is stopped, not even of the piece it is reading", () => {
    const told: string[] = [];
    const parser = new ResponseParser({
      onHead: () => {
        told.push("head");
        parser.stop();
      },
      onBody: () => told.push("body"),
      onEnd: () => told.push("end"),
    });
    parser.reset();
    parser.push(Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"));
    parser.end();
    expect(told).toEqual(["head"]);
  });

  it("takes no byte for an answer that was not asked for", () => {
    const parser = new ResponseParser({ onHead: () => {}, onBody: () => {}, onEnd: () => {} });
    expect(() => parser.push(Buffer.from("HTTP/1.1 408 Request Timeout\r\n\r\n"))).toThrow(ProtocolError);
  });
});
