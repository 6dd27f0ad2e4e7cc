// Invariants of the logger:
// - a record is one line, whatever is in it, and no method throws;
// - JSON lines parse, and hold each field under its name;
// - text lines are what klog would write, but for line breaks in values, which are escaped.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLogger } from "../../src/log/logger.ts";
import type { LogFields, LogLevel } from "../../src/log.ts";
import { FakeClock } from "../config/support.ts";

const collect = (options: { level?: LogLevel; format?: "text" | "json" } = {}) => {
  const lines: string[] = [];
  const log = createLogger({ ...options, stream: { write: (line) => void lines.push(line) }, clock: new FakeClock() });
  return { lines, log };
};

/** What stands behind the header, without the line feed. */
const body = (message: string, fields?: LogFields): string => {
  const { lines, log } = collect();
  log.info(message, fields);
  return lines
    .join("")
    .replace(/^[^\]]*\] /, "")
    .replace(/\n$/, "");
};

describe("text", () => {
  test("begins with klog's header: level, local time, process, caller", () => {
    const { lines, log } = collect();
    log.info("hello");
    expect(lines[0]).toMatch(/^I010[123] \d\d:\d\d:05\.000000 [ \d]{7} logger\.test\.ts:\d+\] "hello"\n$/);
    expect(lines[0]).toContain(` ${String(process.pid).padStart(7)} `);
  });

  test("names the line that logs, through a logger with fields too", () => {
    const { lines, log } = collect();
    const here = Number(/:(\d+):\d+\)?$/.exec(new Error().stack?.split("\n")[1] ?? "")?.[1]);
    log.info("one");
    log.with({ a: 1 }).error("two");
    expect(lines.map((line) => Number(/ts:(\d+)\]/.exec(line)?.[1]))).toEqual([here + 1, here + 2]);
  });

  test("has the letters of klog", () => {
    const { lines, log } = collect({ level: "debug" });
    log.error("m");
    log.warning("m");
    log.info("m");
    log.debug("m");
    expect(lines.map((line) => line[0]).join("")).toBe("EWII");
  });

  // Expected values: strconv.Quote and klog v2.140 textlogger.
  test.each<[string, LogFields, string]>([
    ["strings", { key: "value" }, 'key="value"'],
    ["quotation marks and backslashes", { key: 'a "b" \\' }, 'key="a \\"b\\" \\\\"'],
    ["line breaks and tabs", { key: "a\nb\r\tc" }, 'key="a\\nb\\r\\tc"'],
    ["control characters", { key: "\u001b[1m\u0000\u007f\u0007" }, 'key="\\x1b[1m\\x00\\x7f\\a"'],
    ["letters of all scripts", { key: "grüße 世界 👋" }, 'key="grüße 世界 👋"'],
    ["invisible characters", { key: "a\u200bb\u2028\u00a0\u202e" }, 'key="a\\u200bb\\u2028\\u00a0\\u202e"'],
    ["half a character", { key: "a\ud800" }, 'key="a\ufffd"'],
    ["numbers", { a: 1, b: 1.5, c: 10n }, "a=1 b=1.5 c=10"],
    ["booleans and null", { a: true, b: null }, "a=true b=null"],
    ["lists and objects as JSON", { a: ["x", 1], b: { c: "d" } }, 'a=["x",1] b={"c":"d"}'],
    ["keys of objects as klog.KRef", { pod: { namespace: "default", name: "web-0" } }, 'pod="default/web-0"'],
    ["keys without namespace", { node: { namespace: "", name: "n1" } }, 'node="n1"'],
    ["times", { at: new Date(0) }, 'at="1970-01-01T00:00:00.000Z"'],
    ["errors in any field", { last: new Error("broken") }, 'last="broken"'],
    ["nothing for undefined", { a: undefined, b: 1 }, "b=1"],
    ["names that would break the line", { 'a b="c': 1 }, "a_b__c=1"],
  ])("shows %s", (_, fields, expected) => {
    expect(body("m", fields)).toBe(`"m" ${expected}`);
  });

  test("puts the error first, as err, with its causes", () => {
    const error = new Error("outer", { cause: new Error("inner", { cause: "root" }) });
    expect(body("m", { key: 1, error })).toBe('"m" err="outer: inner: root" key=1');
  });

  test("does not repeat a cause that the message ends with", () => {
    expect(body("m", { error: new Error("outer: inner", { cause: new Error("inner") }) })).toBe(
      '"m" err="outer: inner"',
    );
  });

  test("shows each error of an aggregate without message, and the code of an error without one", () => {
    const refused = Object.assign(new Error(""), { code: "ECONNREFUSED" });
    expect(body("m", { error: new AggregateError([refused, new Error("b")]) })).toBe('"m" err="ECONNREFUSED; b"');
  });

  test("shows stacks at debug level only", () => {
    const { lines, log } = collect({ level: "debug" });
    log.error("m", { error: new TypeError("t") });
    expect(lines[0]).toMatch(/ err="t" stack="TypeError: t\\n {4}at .*"\n$/);
    expect(body("m", { error: new TypeError("t") })).not.toContain("stack");
  });
});

describe("JSON", () => {
  const parsed = (fields: LogFields, message = "m"): Record<string, unknown> => {
    const { lines, log } = collect({ format: "json" });
    log.warning(message, fields);
    return JSON.parse(lines.join(""));
  };

  test("is an object with time, level, message and fields", () => {
    expect(parsed({ a: 1, b: { c: ["d"] } })).toEqual({
      ts: "2030-01-02T03:04:05.000Z",
      level: "warning",
      msg: "m",
      a: 1,
      b: { c: ["d"] },
    });
  });

  test("has the error with its causes, and their stacks", () => {
    const record = parsed({ error: new Error("outer", { cause: new RangeError("inner") }) });
    expect(record.err).toBe("outer: inner");
    expect(record.stack).toMatch(/^Error: outer\n(.*\n)+caused by: RangeError: inner\n/);
  });

  test("keeps its own names, and renames fields that take one", () => {
    expect(parsed({ msg: "other", level: 3 })).toMatchObject({ msg: "m", level: "warning", msg_: "other", level_: 3 });
  });
});

describe("a logger", () => {
  test.each<[LogLevel, number]>([
    ["error", 1],
    ["warning", 2],
    ["info", 3],
    ["debug", 4],
  ])("of level %s writes %i of the four levels", (level, count) => {
    const { lines, log } = collect({ level });
    for (const method of ["error", "warning", "info", "debug"] as const) log[method]("m");
    expect(lines).toHaveLength(count);
  });

  test("with fields adds them to each line, and a call's own win", () => {
    const { lines, log } = collect();
    const inner = log.with({ a: 1, b: 2 }).with({ b: 3 });
    inner.info("m", { c: 4 });
    inner.info("m", { a: 5 });
    log.info("m");
    expect(lines.map((line) => line.split('"m"')[1])).toEqual([" a=1 b=3 c=4\n", " a=5 b=3\n", "\n"]);
  });

  test("says how many lines the sink had to drop", () => {
    const lines: string[] = [];
    let dropped = 3;
    const takeDropped = () => {
      const count = dropped;
      dropped = 0;
      return count;
    };
    const log = createLogger({ stream: { write: (line) => void lines.push(line), takeDropped } });
    log.info("one");
    log.info("two");
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^W.*"Log lines were dropped.*" count=3\n$/);
  });

  test("cuts a value that is a whole document", () => {
    for (const value of ["x".repeat(1e6), Array.from({ length: 1e5 }, () => "x")]) {
      expect(body("m", { value }).length).toBeLessThan(40_000);
    }
  });

  const circular: { self?: unknown } = {};
  circular.self = circular;
  const ownCause = new Error("a");
  ownCause.cause = ownCause;
  const hostile = {
    get boom(): never {
      throw new Error("getter");
    },
  };
  test.each<[string, LogFields]>([
    ["circular", { value: circular }],
    ["its own cause", { error: ownCause }],
    ["hostile", { value: hostile }],
    ["a function", { value: () => {} }],
    ["a symbol", { value: Symbol("s"), error: Symbol("s") }],
    ["without prototype", { error: Object.create(null) }],
    ["a BigInt within", { value: { deep: 2n ** 70n } }],
  ])("writes one line for a field that is %s", (_, fields) => {
    for (const format of ["text", "json"] as const) {
      const { lines, log } = collect({ format });
      log.info("m", fields);
      expect(lines).toHaveLength(1);
      if (format === "json") expect(JSON.parse(lines[0] ?? "")).toMatchObject({ msg: "m" });
    }
  });

  test("does not throw when a field's own getter or the sink throws", () => {
    const stream = {
      write: () => {
        throw new Error("sink");
      },
    };
    const log = createLogger({ stream });
    expect(() => log.info("m", hostile)).not.toThrow();
    expect(() => log.info("m")).not.toThrow();
  });

  test("writes exactly one line without control characters, whatever is logged", () => {
    const text = fc.string({ unit: "binary" });
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSet: true,
    });
    fc.assert(
      fc.property(text, fc.dictionary(text, fc.oneof(text, anything)), text, (message, fields, error) => {
        for (const format of ["text", "json"] as const) {
          const { lines, log } = collect({ format, level: "debug" });
          log.info(message, { ...fields, error: new Error(error) });
          expect(lines).toHaveLength(1);
          expect(lines[0]).toMatch(/^[^\p{Cc}\u2028\u2029]+\n$/u);
          if (format === "json") expect(JSON.parse(lines[0] ?? "")).toMatchObject({ msg: message });
        }
      }),
    );
  });
});
