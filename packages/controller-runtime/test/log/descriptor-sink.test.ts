// Invariants of the sink:
// - the bytes that come out are those of whole lines, in order, with gaps only where lines were counted as dropped;
// - neither `write` nor the end of the process waits for a reader that takes nothing;
// - no error of the descriptor is thrown at who logs.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { DescriptorSink } from "../../src/log/descriptor-sink.ts";
import { FakeClock } from "../config/support.ts";

/** A pipe that takes `room` bytes and then none. */
const fakePipe = () => {
  const pipe = {
    room: Number.POSITIVE_INFINITY,
    failure: undefined as string | undefined,
    calls: 0,
    text: "",
    write: (_: number, data: Buffer): number => {
      pipe.calls += 1;
      if (pipe.failure !== undefined) throw Object.assign(new Error(pipe.failure), { code: pipe.failure });
      if (pipe.room === 0) throw Object.assign(new Error("full"), { code: "EAGAIN" });
      const taken = data.subarray(0, pipe.room);
      pipe.room -= taken.length;
      pipe.text += taken.toString("latin1");
      return taken.length;
    },
  };
  return pipe;
};

const setUp = (limit?: number) => {
  const clock = new FakeClock();
  const pipe = fakePipe();
  let pauses = 0;
  const pause = () => {
    pauses += 1;
  };
  const sink = new DescriptorSink({ descriptor: 9, clock, writeSync: pipe.write, pause, ...(limit && { limit }) });
  onTestFinished(() => sink.close());
  return { clock, pipe, sink, pauses: () => pauses };
};

describe("a descriptor sink", () => {
  test("has written a line when write returns", () => {
    const { sink, pipe } = setUp();
    sink.write("one\n");
    expect(pipe.text).toBe("one\n");
  });

  test("goes on where a full pipe cut a line, once there is room", () => {
    const { sink, pipe, clock } = setUp();
    pipe.room = 2;
    sink.write("one\n");
    const { calls } = pipe;
    sink.write("two\n");
    expect([pipe.text, pipe.calls]).toEqual(["on", calls]);
    pipe.room = 100;
    clock.advance(10);
    expect(pipe.text).toBe("one\ntwo\n");
  });

  test("drops and counts what would pass the limit, and tells once there is room", () => {
    const { sink, pipe, clock } = setUp(10);
    pipe.room = 0;
    for (const line of ["aaaa\n", "bbbb\n", "cccc\n", "dddd\n"]) sink.write(line);
    expect(sink.takeDropped()).toBe(0);
    pipe.room = 100;
    clock.advance(10);
    expect(pipe.text).toBe("aaaa\nbbbb\n");
    expect(sink.takeDropped()).toBe(2);
    expect(sink.takeDropped()).toBe(0);
  });

  test("does not write again to a reader that is gone", () => {
    const { sink, pipe } = setUp();
    pipe.failure = "EPIPE";
    sink.write("one\n");
    sink.write("two\n");
    expect(pipe.calls).toBe(1);
  });

  test("loses the line at hand on another failure, and writes the next", () => {
    const { sink, pipe } = setUp();
    pipe.failure = "ENOSPC";
    sink.write("one\n");
    pipe.failure = undefined;
    sink.write("two\n");
    expect(pipe.text).toBe("two\n");
  });

  test("gives a reader that takes nothing a hundred pauses at its end, no more", () => {
    const { sink, pipe, pauses } = setUp();
    pipe.room = 0;
    sink.write("one\n");
    sink.flush();
    expect(pauses()).toBe(100);
  });

  test("writes whole lines in order, but for those it counted as dropped, whatever room there is when", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("write" as const), size: fc.integer({ min: 1, max: 20 }) }),
      fc.record({ kind: fc.constant("room" as const), size: fc.integer({ min: 0, max: 30 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (script) => {
        const { sink, pipe, clock } = setUp(50);
        const lines: string[] = [];
        for (const { kind, size } of script) {
          if (kind === "room") {
            pipe.room = size;
            clock.advance(10);
          }
          if (kind !== "write") continue;
          const line = `${lines.length}:${"x".repeat(size)}\n`;
          lines.push(line);
          sink.write(line);
        }
        pipe.room = Number.POSITIVE_INFINITY;
        clock.advance(10);
        sink.write("end\n");
        const came = pipe.text.split(/(?<=\n)/);
        expect(came.at(-1)).toBe("end\n");
        const numbers = came.slice(0, -1).map((line) => Number.parseInt(line, 10));
        expect(came.slice(0, -1)).toEqual(numbers.map((number) => lines[number]));
        expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
        expect(came.length - 1 + sink.takeDropped()).toBe(lines.length);
        sink.close();
      }),
    );
  });
});

describe("a process that logs to a pipe", () => {
  const run = (...args: string[]) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "sink-program.ts"), ...args], {
      stdio: ["pipe", "ignore", "pipe"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    return child;
  };

  test.each([
    ["returns", "return", 0],
    ["calls process.exit", "exit", 7],
    ["throws", "throw", 1],
  ])("loses no line when it %s right after 900 lines of a kilobyte", async (_, end, code) => {
    const child = run("900", end);
    const closed = once(child, "close");
    const chunks: Buffer[] = [];
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    expect((await closed)[0]).toBe(code);
    const lines = Buffer.concat(chunks)
      .toString()
      .split("\n")
      .filter((line) => line.startsWith("{"));
    expect(lines.map((line) => JSON.parse(line).line)).toEqual(Array.from({ length: 900 }, (_, line) => line));
  });

  test("ends although nobody reads the pipe", async () => {
    const child = run("3000", "exit");
    child.stderr.pause();
    expect((await once(child, "exit"))[0]).toBe(7);
  });

  test("ends as usual although the reader is gone", async () => {
    const child = run("3000", "return", "on-input");
    child.stderr.destroy();
    await once(child.stderr, "close");
    child.stdin.end("go");
    expect((await once(child, "exit"))[0]).toBe(0);
  });
});
