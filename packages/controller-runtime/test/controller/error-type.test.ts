import { expect, test } from "vitest";
import { errorType } from "../../src/controller/error-type.ts";
import { ConnectionError, DeadlineError, DecodeError, TerminalError } from "../../src/errors.ts";
import { refusal } from "../support/scripted-api.ts";

test.each([
  [refusal(409, "AlreadyExists"), "already_exists"],
  [refusal(409, "Conflict"), "conflict"],
  [refusal(422, "Invalid"), "invalid"],
  [refusal(500, "InternalError"), "internal_error"],
  [refusal(418, "Teapot"), "teapot"],
  [refusal(502, ""), "unknown"],
  [new ConnectionError("GET /", { cause: new Error("reset"), sent: false }), "connection"],
  [new DeadlineError("GET /", 1), "timeout"],
  [new DecodeError("GET /", "no JSON"), "decode"],
  [new TerminalError("no", { type: "template" }), "template"],
  [new TerminalError("no", { cause: refusal(403, "Forbidden") }), "forbidden"],
  [new TerminalError("no"), "terminal"],
  [new TypeError("no"), "panic"],
  [undefined, "panic"],
])("%s is of type %s", (error, type) => {
  expect(errorType(error)).toBe(type);
});
