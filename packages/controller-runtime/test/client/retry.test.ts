// Invariants:
// - What must not happen twice is sent again only when it certainly did not happen.
// - A Retry-After that makes no sense counts as none.
import { describe, expect, it } from "vitest";
import { mayRetry, retryAfterOf } from "../../src/client/retry.ts";
import { apiError, ConnectionError, DeadlineError, DecodeError } from "../../src/errors.ts";

const refusal = (code: number, retryAfter?: number) => apiError({ status: { code }, request: "GET /x", retryAfter });
const lost = (sent: boolean, code = "ECONNRESET") =>
  new ConnectionError("GET /x", { cause: Object.assign(new Error("lost"), { code }), sent });

describe("a call may be sent again", () => {
  it.each([
    // what happened, repeatable call, call that must not happen twice
    ["no connection came about", lost(false), true, true],
    ["connection lost after the request was sent", lost(true), true, false],
    ["429 with Retry-After", refusal(429, 1_000), true, true],
    ["429: an eviction that a PodDisruptionBudget forbids", refusal(429), true, false],
    ["503 with Retry-After", refusal(503, 1_000), true, true],
    ["503 with Retry-After: 0", refusal(503, 0), true, true],
    ["503", refusal(503), true, false],
    ["500 with Retry-After", refusal(500, 1_000), true, false],
    ["500", refusal(500), false, false],
    ["504 with Retry-After", refusal(504, 1_000), true, false],
    ["504", refusal(504), false, false],
    ["502", refusal(502), false, false],
    ["400", refusal(400), false, false],
    ["401", refusal(401), false, false],
    ["403 with Retry-After", refusal(403, 1_000), false, false],
    ["404", refusal(404), false, false],
    ["409", refusal(409), false, false],
    ["409 with Retry-After", refusal(409, 1_000), false, false],
    ["410", refusal(410), false, false],
    ["422", refusal(422), false, false],
    ["a deadline", new DeadlineError("GET /x", 1), false, false],
    ["an answer that cannot be decoded", new DecodeError("GET /x", new Error("bad")), false, false],
    ["an abort", new DOMException("aborted", "AbortError"), false, false],
    ["an error of ours", new TypeError("bug"), false, false],
    ["nothing", undefined, false, false],
  ])("after: %s", (_what, error, repeatable, once) => {
    expect(mayRetry(error, true)).toBe(repeatable);
    expect(mayRetry(error, false)).toBe(once);
  });

  it.each([
    "SELF_SIGNED_CERT_IN_CHAIN",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "CERT_HAS_EXPIRED",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    // a header or path that cannot be sent; a pool that was closed
    "ERR_HTTP_REQUEST",
    "ERR_HTTP_POOL_CLOSED",
  ])("not after %s: the next try would end the same", (code) => {
    expect(mayRetry(lost(false, code), true)).toBe(false);
  });
});

describe("Retry-After", () => {
  const now = Date.UTC(2026, 0, 1);

  it.each<[string | undefined, number | undefined]>([
    [undefined, undefined],
    ["0", 0],
    ["1", 1_000],
    [" 7 ", 7_000],
    ["120", 120_000],
    ["Thu, 01 Jan 2026 00:00:05 GMT", 5_000],
    ["Thu, 01 Jan 2026 00:00:00 GMT", 0],
    ["Wed, 31 Dec 2025 00:00:00 GMT", 0],
    ["", undefined],
    ["soon", undefined],
    ["-5", undefined],
    ["1.5", undefined],
    ["5s", undefined],
    ["in 5", undefined],
    ["1e3", undefined],
    ["0x10", undefined],
    ["Thu, 32 Jan 2026 00:00:05 GMT", undefined],
    ["2026", 2_026_000],
  ])("%j is %j ms", (header, milliseconds) => {
    expect(retryAfterOf(header, now)).toBe(milliseconds);
  });
});
