// Invariant: what is cached of a Pod for a template is never less than the template reads of it.
import { expect, test } from "vitest";
import { podProjection } from "../../src/podconfigmap/template-reads.ts";

const paths = (...all: string[]) => ({ kind: "paths", paths: all.map((path) => path.split(".")) }) as const;

test.each([
  ["a field", paths("spec.nodeName"), { spec: { nodeName: true } }],
  ["two below one", paths("status.podIP", "status.hostIP"), { status: { podIP: true, hostIP: true } }],
  ["a part and the whole of it, in either order", paths("spec.a.b", "spec.a"), { spec: { a: true } }],
  ["the whole and a part of it", paths("spec.a", "spec.a.b"), { spec: { a: true } }],
  ["a short name", paths("nodeName", "phase"), { spec: { nodeName: true }, status: { phase: true } }],
  ["a label by the short name", paths("labels.app"), { metadata: { labels: { app: true } } }],
  ["all annotations by the short name", paths("annotations"), { metadata: { annotations: true } }],
  ["what is always there", paths("podName", "namespace"), { metadata: { name: true, namespace: true } }],
  ["what is not of the Pod", paths("pcmc.name", "nothing.there"), {}],
  ["a top field", paths("status"), { status: true }],
])("%s", (_name, reads, expected) => {
  expect(podProjection(reads)).toEqual(expected);
});

test("whole Pods where it cannot be said, and for the dot itself", () => {
  expect(podProjection({ kind: "whole" })).toBe(true);
  expect(podProjection({ kind: "paths", paths: [[]] })).toBe(true);
});

test.each(["constructor", "toString", "__proto__", "hasOwnProperty"])(
  "a field named %s is a field like any other",
  (name) => {
    expect(podProjection({ kind: "paths", paths: [[name, "x"]] })).toEqual({});
    const projection = podProjection({
      kind: "paths",
      paths: [
        ["spec", name],
        ["status", name, "x"],
      ],
    });
    expect(JSON.stringify(projection)).toBe(`{"spec":{"${name}":true},"status":{"${name}":{"x":true}}}`);
  },
);
