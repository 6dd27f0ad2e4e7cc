/*
 * Invariant: each check that needs no cluster sees what it is there for. chaos.integration.test.ts has those that do.
 */
import { spawn } from "node:child_process";
import type { ProxiedRequest } from "@pcmc/devcluster";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { expect, test } from "vitest";
import type { Held } from "../integration/support/namespace-client.ts";
import { errorLines, writesIn } from "./checks.ts";
import { differenceText } from "./difference-text.ts";
import { ForeignObjects, provesNothing } from "./foreign.ts";
import { usageOf } from "./process-usage.ts";
import { slopeOf } from "./slope.ts";

const GENERATED_BY = "podconfig.example.com/generated-by-pcmc";
const POD_UID = "podconfig.example.com/pod-uid";
const owner = { apiVersion: "v1", kind: "Pod", name: "web", uid: "1" };

const held = (metadata: object = {}): Held<ConfigMap> => ({
  metadata: { name: "theirs", uid: "u", resourceVersion: "7", ...metadata },
});

test.each([
  ["gone", [], "theirs is gone"],
  ["deleted and made again", [held({ uid: "v" })], "theirs is another object now"],
  ["written to", [held({ resourceVersion: "8" })], "theirs was written to"],
])("a foreign object that is %s is seen", (_, now, trouble) => {
  const foreign = new ForeignObjects();
  foreign.note(held());
  expect(foreign.touched(now)).toEqual([trouble]);
  expect(foreign.touched([held()])).toEqual([]);
});

test("an object whose owner writes to it or deletes it counts as he left it", () => {
  const foreign = new ForeignObjects();
  foreign.note(held());
  foreign.note(held({ resourceVersion: "9" }));
  expect(foreign.touched([held({ resourceVersion: "9" })])).toEqual([]);
  foreign.forget("theirs");
  expect(foreign.touched([])).toEqual([]);
});

test.each([
  ["no marks", {}, true],
  ["one of two labels", { labels: { [GENERATED_BY]: "app" } }, true],
  ["both labels", { labels: { [GENERATED_BY]: "app", [POD_UID]: "1" } }, false],
  ["an owner", { ownerReferences: [owner] }, false],
])("a ConfigMap with %s is %j: somebody else's", (_, marks, expected) => {
  expect(provesNothing(held(marks).metadata)).toBe(expected);
});

const request = (changes: Partial<ProxiedRequest>): ProxiedRequest => ({
  time: 0,
  method: "PUT",
  path: "/api/v1/namespaces/n/configmaps/c",
  verb: "update",
  authorization: undefined,
  connection: 1,
  action: undefined,
  status: 200,
  ...changes,
});

test.each<[string, Partial<ProxiedRequest>]>([
  ["an update", {}],
  ["an update that came too late", { status: 409 }],
  ["a write whose answer was lost", { status: undefined }],
  ["a status", { path: "/apis/podconfig.example.com/v1alpha1/namespaces/n/podconfigmapconfigs/c/status" }],
  ["a creation", { method: "POST", verb: "create", status: 201 }],
  ["a deletion", { method: "DELETE", verb: "delete" }],
])("%s is a write", (_, changes) => {
  expect(writesIn([request(changes)])).toHaveLength(1);
});

test.each<[string, Partial<ProxiedRequest>]>([
  ["a list", { method: "GET", verb: "list" }],
  ["a watch", { method: "GET", verb: "watch" }],
  ["a creation refused because the name is taken", { method: "POST", verb: "create", status: 409 }],
  ["the renewal of a Lease", { path: "/apis/coordination.k8s.io/v1/namespaces/n/leases/l" }],
  ["an Event", { method: "POST", verb: "create", path: "/apis/events.k8s.io/v1/namespaces/n/events?fieldManager=m" }],
])("%s is none that a converged cluster must not see", (_, changes) => {
  expect(writesIn([request(changes)])).toEqual([]);
});

test("errors, and what is no line of ours, are seen in a log", () => {
  const lines = ['{"level":"error","msg":"panic"}', '{"level":"warning","msg":"later"}', "node:internal/process:95"];
  expect(errorLines(lines)).toEqual([lines[0], lines[2]]);
  expect(errorLines(lines, ["panic"])).toEqual([lines[2]]);
});

test.runIf(process.platform === "linux")("what a process holds is told", () => {
  const before = usageOf(process.pid);
  const child = spawn("sleep", ["60"], { stdio: "pipe" });
  try {
    const during = usageOf(process.pid);
    expect(during?.children).toBe((before?.children ?? 0) + 1);
    expect(during?.sockets).toBe((before?.sockets ?? 0) + 3);
    expect(during?.rss).toBeGreaterThan(1_000_000);
  } finally {
    child.kill("SIGKILL");
  }
});

test("nothing is told of a process that is not there", () => {
  expect(usageOf(2 ** 22 + 1)).toBeUndefined();
});

test.each([
  ["nothing", [], 0],
  ["one value", [5], 0],
  ["a line", [1, 3, 5, 7], 2],
  ["a line with one value that stands out", [1, 3, 500, 7, 9, 11], 2],
  ["what falls", [9, 6, 3], -3],
])("the slope of %s is known", (_, values, slope) => {
  expect(slopeOf(values)).toBe(slope);
});

test("the difference of two lists is told by name, however deep the comparison is in a chain of errors", () => {
  const comparison = Object.assign(new Error("not equal"), {
    actual: [{ name: "same", data: { a: 1, b: 2 } }, { name: "extra" }, { name: "other", data: 1 }],
    expected: [{ name: "same", data: { b: 2, a: 1 } }, { name: "gone" }, { name: "other", data: 2 }],
  });
  expect(differenceText(new Error("never", { cause: comparison }))).toEqual([
    "too many: extra, which is {}",
    'wrong: other is {"data":1}',
    '  and should be {"data":2}',
    "missing: gone, which should be {}",
  ]);
  expect(differenceText(new Error("another"))).toEqual([]);
});
