// Invariants:
// - A path addresses exactly what it was asked for: no name, whatever is in it, makes it address something else. An
//   empty name would turn "delete this Pod" into "delete all Pods".
// - What is not set is not in the query.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pathOf, queryString } from "../../src/client/paths.ts";
import { defineResource, Namespaces, Pods } from "../../src/resource.ts";

const Widgets = defineResource({ apiVersion: "example.com/v1", kind: "Widget", plural: "widgets", namespaced: true });

describe("the path", () => {
  it.each([
    [Pods, {}, "/api/v1/pods"],
    [Pods, { namespace: "" }, "/api/v1/pods"],
    [Pods, { namespace: "a" }, "/api/v1/namespaces/a/pods"],
    [Pods, { namespace: "a", name: "b" }, "/api/v1/namespaces/a/pods/b"],
    [Pods, { namespace: "a", name: "b", subresource: "status" }, "/api/v1/namespaces/a/pods/b/status"],
    [Widgets, { namespace: "a" }, "/apis/example.com/v1/namespaces/a/widgets"],
    [Namespaces, {}, "/api/v1/namespaces"],
    [Namespaces, { name: "a" }, "/api/v1/namespaces/a"],
    [Namespaces, { namespace: "ignored", name: "a" }, "/api/v1/namespaces/a"],
  ])("of %s %j is %s", (resource, target, path) => {
    expect(pathOf(resource, target)).toBe(path);
  });

  it("of a namespaced object without its namespace is refused", () => {
    expect(() => pathOf(Pods, { name: "a" })).toThrow(new TypeError("Pod a: a namespaced object needs a namespace"));
    expect(() => pathOf(Pods, { namespace: "", name: "a" })).toThrow(TypeError);
  });

  it.each(["", ".", ".."])(
    "of an object that is named %j is refused: it would be the path of something else",
    (name) => {
      expect(() => pathOf(Pods, { namespace: "a", name })).toThrow(TypeError);
      expect(() => pathOf(Pods, { namespace: "a", name, subresource: "status" })).toThrow(TypeError);
      expect(() => pathOf(Namespaces, { name })).toThrow(TypeError);
    },
  );

  it.each([".", ".."])("of a namespace that is named %j is refused", (namespace) => {
    expect(() => pathOf(Pods, { namespace })).toThrow(TypeError);
  });

  it("keeps any other name one segment, and gives it back", () => {
    const names = fc.string({ minLength: 1, unit: "grapheme" }).filter((name) => name !== "." && name !== "..");
    fc.assert(
      fc.property(names, names, (namespace, name) => {
        const url = new URL(pathOf(Pods, { namespace, name }, { a: 1 }), "https://host");
        const segments = url.pathname.split("/").slice(1).map(decodeURIComponent);
        expect(segments).toEqual(["api", "v1", "namespaces", namespace, "pods", name]);
      }),
    );
  });
});

describe("the query", () => {
  it("leaves out what is undefined or empty, and keeps false and 0", () => {
    expect(queryString({})).toBe("");
    expect(queryString({ a: undefined, b: "", c: 0, d: false, e: "x" })).toBe("?c=0&d=false&e=x");
  });

  it("gives back any value", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (labelSelector) => {
        const query = new URLSearchParams(queryString({ labelSelector, limit: 3 }));
        expect(Object.fromEntries(query)).toEqual({ labelSelector, limit: "3" });
      }),
    );
  });
});
