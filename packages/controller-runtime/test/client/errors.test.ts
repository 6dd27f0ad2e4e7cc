// Invariants:
// - The class follows the reason; where the server gives none, or one of its own (an admission webhook may), the code.
//   The rule is client-go's `ReasonForError` with its fall-back to the code.
// - Whatever stands in the Status, the result is an ApiError with a message of one line.
import { describe, expect, it } from "vitest";
import { isUncertain } from "../../src/client/client.ts";
import * as errors from "../../src/errors.ts";

const of = (status: object) => errors.apiError({ status, request: "GET /x" });

describe("the class of an error", () => {
  it.each([
    ["Unauthorized", 401, errors.UnauthorizedError],
    ["Forbidden", 403, errors.ForbiddenError],
    ["NotFound", 404, errors.NotFoundError],
    ["AlreadyExists", 409, errors.AlreadyExistsError],
    ["Conflict", 409, errors.ConflictError],
    ["Gone", 410, errors.ExpiredError],
    ["Expired", 410, errors.ExpiredError],
    ["Invalid", 422, errors.InvalidError],
    ["BadRequest", 400, errors.BadRequestError],
    ["TooManyRequests", 429, errors.TooManyRequestsError],
    ["RequestEntityTooLarge", 413, errors.RequestEntityTooLargeError],
    ["ServiceUnavailable", 503, errors.ServiceUnavailableError],
    ["Timeout", 504, errors.ServerTimeoutError],
    ["ServerTimeout", 500, errors.ServerTimeoutError],
    ["InternalError", 500, errors.InternalError],
  ])("%s (%i)", (reason, code, type) => {
    const error = of({ reason, code, message: "m" });
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ name: type.name, reason, code, message: "GET /x: m" });
  });

  it.each([
    [400, errors.BadRequestError],
    [401, errors.UnauthorizedError],
    [403, errors.ForbiddenError],
    [404, errors.NotFoundError],
    [409, errors.ConflictError],
    [410, errors.ExpiredError],
    [413, errors.RequestEntityTooLargeError],
    [422, errors.InvalidError],
    [429, errors.TooManyRequestsError],
    [500, errors.InternalError],
    [503, errors.ServiceUnavailableError],
    [504, errors.ServerTimeoutError],
  ])("follows the code %i where there is no reason, or one that nobody knows", (code, type) => {
    expect(of({ code })).toBeInstanceOf(type);
    expect(of({ code, reason: "" })).toBeInstanceOf(type);
    const own = of({ code, reason: "PolicyViolation" });
    expect(own).toBeInstanceOf(type);
    expect(own.reason).toBe("PolicyViolation");
  });

  it("is the plain one for what has no class", () => {
    const error = of({ reason: "MethodNotAllowed", code: 405 });
    expect(error.constructor).toBe(errors.ApiError);
    expect(of({ code: 418 })).toMatchObject({ reason: "Unknown", code: 418, message: "GET /x: HTTP 418" });
    expect(of({})).toMatchObject({ reason: "Unknown", code: 500 });
  });

  it.each(["constructor", "toString", "__proto__", "hasOwnProperty"])("is not taken in by the reason %s", (reason) => {
    expect(of({ reason, code: 403 })).toBeInstanceOf(errors.ForbiddenError);
    expect(of({ reason, code: 418 }).constructor).toBe(errors.ApiError);
  });
});

describe("an ApiError", () => {
  it("says the reason where there is no message, or an empty one", () => {
    expect(of({ reason: "NotFound", code: 404 }).message).toBe("GET /x: NotFound");
    expect(of({ reason: "NotFound", code: 404, message: "" }).message).toBe("GET /x: NotFound");
  });

  it("knows its causes", () => {
    const causes = [{ reason: "NamespaceTerminating", field: "metadata.namespace" }];
    const error = of({ reason: "Forbidden", code: 403, details: { causes } });
    expect(error.hasCause("NamespaceTerminating")).toBe(true);
    expect(error.hasCause("FieldValueInvalid")).toBe(false);
    expect(of({ code: 403 }).hasCause("NamespaceTerminating")).toBe(false);
  });
});

describe("a write", () => {
  const lost = (sent: boolean) => new errors.ConnectionError("POST /x", { cause: new Error("lost"), sent });

  it.each([
    ["its connection was lost after it was sent", lost(true), true],
    ["no connection came about", lost(false), false],
    ["its deadline passed", new errors.DeadlineError("POST /x", 1), true],
    ["the answer cannot be read", new errors.DecodeError("POST /x", new Error("bad")), true],
    ["the server failed over it", of({ code: 500 }), true],
    ["the server was not ready", of({ code: 503 }), true],
    ["the server could not answer in time", of({ code: 504, reason: "Timeout" }), true],
    ["the server asked for patience", of({ code: 429 }), false],
    ["the server said no", of({ code: 409, reason: "Conflict" }), false],
    ["of a bug", new TypeError("bug"), false],
  ])("that fails because %s, uncertain or not", (_why, error, uncertain) => {
    expect(isUncertain(error)).toBe(uncertain);
  });
});

describe("describe", () => {
  it.each<[unknown, string]>([
    [new Error("plain"), "plain"],
    [Object.assign(new Error(""), { code: "ECONNREFUSED" }), "ECONNREFUSED"],
    [new TypeError(""), "TypeError"],
    ["text", "text"],
    [undefined, "undefined"],
    [new AggregateError([new Error("a"), new Error("b")]), "a; b"],
    [new AggregateError([new Error("a")], "all failed"), "all failed"],
    // OpenSSL ends its messages with a line break.
    [new Error("write EPROTO 0A0000C6:SSL routines:\n"), "write EPROTO 0A0000C6:SSL routines:"],
    [new Error("one\n  two\r\n\nthree"), "one two three"],
  ])("%s is %j", (error, text) => {
    expect(errors.describe(error)).toBe(text);
  });
});
