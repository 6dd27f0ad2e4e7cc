/*
 * Which Watchers a Pod asks for. Invariants:
 * - The annotation and the selectors add up; each Watcher comes once, in the order of names.
 * - "false" takes the selectors out, and nothing else.
 * - No value of the annotation and no stored selector makes it throw.
 * - Of an annotation of any length the first 64 entries count, and the rest is one thing to say.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { asksByName, asksFor, requestedBy } from "../../src/watcher/requests.ts";
import { watchersNamedBy } from "../../src/watcher/sources.ts";
import { asking, pod, watcher } from "./injection-fixtures.ts";
import { storedPod } from "./stored.ts";

const names = (...parameters: Parameters<typeof requestedBy>) =>
  requestedBy(...parameters).requests.map(({ name, by }) => `${name} by ${by}`);

const a = watcher("a");
const selecting = watcher("s", { podSelector: { matchLabels: { app: "web" } } });
const labels = { app: "web" };

test("the annotation names them, with blanks and doubles as they come", () => {
  expect(names(asking(" b , a,,a "), [a])).toEqual(["a by annotation", "b by annotation"]);
});

test("a name without a Watcher is told as such", () => {
  expect(requestedBy(asking("gone"), [a]).requests).toEqual([{ name: "gone", by: "annotation", watcher: undefined }]);
});

test("selectors add to the annotation", () => {
  expect(names(asking("a", { labels }), [a, selecting])).toEqual(["a by annotation", "s by selector"]);
  expect(names(asking("a,s", { labels }), [a, selecting])).toEqual(["a by annotation", "s by annotation"]);
  expect(names(pod(), [a, selecting])).toEqual([]);
});

test('"false" opts out of selectors; Watchers that are named beside it still come', () => {
  expect(names(asking("false", { labels }), [a, selecting])).toEqual([]);
  expect(names(asking("false,a", { labels }), [a, selecting])).toEqual(["a by annotation"]);
});

test("an empty annotation is none", () => {
  expect(names(asking("", { labels }), [selecting])).toEqual(["s by selector"]);
});

test.each([
  ["absent", {}],
  ["null", { podSelector: null }],
])("a selector that is %s selects nothing", (_what, spec) => {
  expect(names(pod({ labels }), [watcher("s", spec)])).toEqual([]);
});

test("an empty selector selects all Pods", () => {
  expect(names(pod(), [watcher("s", { podSelector: {} })])).toEqual(["s by selector"]);
});

test("a malformed selector that is stored all the same selects nothing", () => {
  const podSelector = { matchExpressions: [{ key: "app", operator: "In" as const, values: [] }] };
  expect(names(pod({ labels }), [watcher("s", { podSelector })])).toEqual([]);
});

test("a mirror Pod asks for nothing", () => {
  const annotations = { "kubernetes.io/config.mirror": "hash" };
  expect(names(asking("a", { labels, annotations }), [a, selecting])).toEqual([]);
});

test.each(["A", "a_b", "-a", "a..b", "true!", "x".repeat(254)])("%s can be no name, and is told as such", (entry) => {
  expect(requestedBy(asking(`a,${entry}`), [a])).toMatchObject({ invalid: [entry], requests: [{ name: "a" }] });
});

test("whatever the annotation is, each entry is either asked for or told to be no name", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const { requests, invalid } = requestedBy(asking(text), [a]);
      const entries = text.split(",").map((entry) => entry.trim());
      const wanted = new Set(entries.filter((entry) => entry !== "" && entry !== "false"));
      expect(new Set([...requests.map(({ name }) => name), ...invalid])).toEqual(wanted);
    }),
  );
});

test("asked about one Watcher, the answer is that for all of them", () => {
  const annotation = fc.array(fc.constantFrom("a", "s", "false", "gone", " ", "A!"), { maxLength: 4 });
  const names = ["a", "s", "false"];
  fc.assert(
    fc.property(fc.option(annotation), fc.boolean(), fc.boolean(), (entries, hasLabels, isMirror) => {
      const asked = asking(entries === null ? "" : entries.join(","), {
        ...(hasLabels && { labels }),
        ...(isMirror && { annotations: { "kubernetes.io/config.mirror": "hash" } }),
      });
      const watchers = names.map((name) => watcher(name, { podSelector: { matchLabels: { app: "web" } } }));
      const { requests } = requestedBy(asked, watchers);
      const expected = watchers.filter((one) => requests.some((request) => request.watcher === one));
      expect(watchers.filter((one) => asksFor(asked, one))).toEqual(expected);
    }),
  );
});

describe("an annotation of more than 64 entries", () => {
  const many = Array.from({ length: 40_000 }, (_, i) => `w${i}`);

  test("asks for the first 64, and the first one beyond is told for all of them", () => {
    const { requests, beyond } = requestedBy(asking(many.join(",")), []);
    expect(requests.map(({ name }) => name).sort()).toEqual(many.slice(0, 64).sort());
    expect(beyond).toBe("w64");
    expect(asksByName(asking(many.join(",")), "w63")).toBe(true);
    expect(asksByName(asking(many.join(",")), "w64")).toBe(false);
    expect(asksFor(asking(many.join(",")), watcher("w64"))).toBe(false);
  });

  test("is none with 64 of them", () => {
    expect(requestedBy(asking(many.slice(0, 64).join(",")), []).beyond).toBeUndefined();
  });

  test("makes no more index keys than a Pod can ask for and have", () => {
    const annotations = { "watch.example.com/inject": many.join(","), "watch.example.com/injected": many.join(",") };
    const keys = watchersNamedBy(storedPod("web", { metadata: { annotations } }));
    expect(keys).toHaveLength(256);
    expect(keys).toContain("shop/w255");
  });
});

test("by its name a Pod asks for a Watcher that it names, unless it is a mirror Pod, and never for false", () => {
  expect(asksByName(asking(" b , a"), "a")).toBe(true);
  expect(asksByName(asking("b"), "a")).toBe(false);
  expect(asksByName(asking("false"), "false")).toBe(false);
  expect(asksByName(asking("Not_A_Name"), "Not_A_Name")).toBe(true);
  expect(asksByName(pod(), "a")).toBe(false);
  expect(asksByName(asking("a", { annotations: { "kubernetes.io/config.mirror": "hash" } }), "a")).toBe(false);
});
