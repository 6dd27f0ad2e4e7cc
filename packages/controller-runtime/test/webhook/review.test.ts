/*
 * Invariants
 * - A review that the API server may send is read as it is, integers of 64 bits included.
 * - Everything else is a ReviewError of one line; no input takes long, whatever its size.
 */
import { describe, expect, test } from "vitest";
import { parseReview, ReviewError } from "../../src/webhook/review.ts";
import { handlerTimeout } from "../../src/webhook/review-timeout.ts";
import { review } from "./rig.ts";

const parse = (text: string) => parseReview(Buffer.from(text));
const failure = (body: string | Buffer): string => {
  try {
    parseReview(Buffer.from(body));
  } catch (error) {
    if (error instanceof ReviewError) return error.message;
    throw error;
  }
  throw new Error("this is read as a review");
};

describe("a review", () => {
  test("is read as the API server sends it", () => {
    expect(parse(review())).toEqual({
      uid: "0df28fbd-5f5f-11e8-bc74-36e6bb280816",
      kind: { group: "", version: "v1", kind: "ConfigMap" },
      resource: { group: "", version: "v1", resource: "configmaps" },
      subResource: "",
      requestKind: { group: "", version: "v1", kind: "ConfigMap" },
      requestResource: { group: "", version: "v1", resource: "configmaps" },
      requestSubResource: "",
      name: "settings",
      namespace: "default",
      operation: "CREATE",
      userInfo: { username: "jane", uid: "7", groups: ["system:authenticated"], extra: { scopes: ["a", "b"] } },
      object: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { size: "3" } },
      oldObject: undefined,
      dryRun: false,
      options: { apiVersion: "meta.k8s.io/v1", kind: "CreateOptions" },
    });
  });

  test("keeps integers of 64 bits exact", () => {
    const text = review().replace('"3"', "9223372036854775807");
    expect(parse(text).object?.data).toEqual({ size: 9_223_372_036_854_775_807n });
  });

  test("may leave out all that Go leaves out when it is empty", () => {
    const sparse = parse(review({ userInfo: {}, name: undefined, namespace: undefined, options: null }));
    expect(sparse).toMatchObject({
      name: "",
      namespace: "",
      userInfo: { username: "", groups: [] },
      options: undefined,
    });
  });

  test("does not let a field name reach a prototype", () => {
    const text = review().replace('"size"', '"__proto__"');
    expect(Object.keys(parse(text).object?.data ?? {})).toEqual(["__proto__"]);
  });
});

describe("what is no review", () => {
  test.each([
    ["nothing", "", /^invalid JSON at byte 0/],
    ["no JSON", "hello", /^invalid JSON at byte 0/],
    ["half a review", review().slice(0, 200), /^invalid JSON at byte 200/],
    ["a list", "[]", /^AdmissionReview has to be an object, not a list$/],
    ["null", "null", /not nothing$/],
    ["another kind", review({}, { kind: "Pod" }), /found "admission.k8s.io\/v1" "Pod"$/],
    ["an older version", review({}, { apiVersion: "admission.k8s.io/v1beta1" }), /v1beta1/],
    ["no request", review({}, { request: undefined }), /^request has to be an object, not nothing$/],
    ["no uid", review({ uid: undefined }), /^request.uid has to be a string, not nothing$/],
    ["an empty uid", review({ uid: "" }), /^request.uid is empty or too long$/],
    ["a uid of a megabyte", review({ uid: "x".repeat(1_000_000) }), /^request.uid is empty or too long$/],
    ["an operation that there is not", review({ operation: "PATCH" }), /^request.operation has to be one of/],
    [
      "a resource that is a string",
      review({ resource: "pods" }),
      /^request.resource has to be an object, not a string$/,
    ],
    ["an object that is a list", review({ object: [] }), /^request.object has to be an object, not a list$/],
    ["groups that are no list", review({ userInfo: { groups: "a" } }), /^request.userInfo.groups has to be a list/],
    ["a group that is a number", review({ userInfo: { groups: [1] } }), /groups has to be a string, not a number$/],
    ["no user", review({ userInfo: undefined }), /^request.userInfo has to be an object, not nothing$/],
  ])("is refused in one line: %s", (_what, body, message) => {
    expect(failure(body)).toMatch(message);
  });

  test("is refused when it is not UTF-8", () => {
    expect(failure(Buffer.concat([Buffer.from(review()), Buffer.of(0xff)]))).toBe("the body is not UTF-8");
  });

  test("is refused when it is nested deeper than any object", () => {
    expect(failure("[".repeat(1_000_000))).toMatch(/no more than 1000 levels/);
  });

  test("is refused for a number of so many digits that reading it would hold up everything else", () => {
    const text = review().replace('"3"', "7".repeat(5_000_000));
    expect(failure(text)).toMatch(/expected a number of no more than 400 characters/);
  });

  test("is read though a string in it is nothing but digits", () => {
    const digits = "7".repeat(50_000);
    expect(parse(review().replace('"3"', `"\\"${digits}"`)).object?.data).toEqual({ size: `"${digits}` });
  });
});

describe("the time for an answer", () => {
  test.each([
    ["timeout=10s", 9_500],
    ["timeout=1s", 900],
    ["timeout=30s", 29_500],
    ["timeout=1m30s", 29_500],
    ["timeout=500ms", 450],
    ["", 9_500],
    ["timeout=", 9_500],
    ["timeout=soon", 9_500],
    ["timeout=-3s", 9_500],
    ["timeout=3", 9_500],
    ["timeout=0s", 9_500],
  ])("for %j is %d ms: what the API server tells, less the way back", (query, milliseconds) => {
    expect(handlerTimeout(query)).toBe(milliseconds);
  });
});
