// Invariants of value types: the texts that the contract names are allowed, with that meaning; close misses are not.

import { describe, expect, test } from "vitest";
import { address, listenAddress } from "../../src/settings/listen-address.ts";
import {
  boolean,
  durationOrOff,
  integer,
  namespace,
  namespaces,
  objectName,
  oneOf,
  positiveDuration,
  someOf,
  type ValueType,
} from "../../src/settings/value-types.ts";
import { webhookUrl } from "../../src/settings/webhook-url.ts";

const number = integer({ min: 1, max: 100 });
const level = oneOf("error", "info");
const some = someOf("a", "b");

/** Name, type, text, what it means. */
type Case = [string, ValueType<unknown>, string, unknown];

describe("allowed:", () => {
  test.each<Case>([
    ...["1", "t", "T", "TRUE", "true", "True"].map((text): Case => ["boolean", boolean, text, true]),
    ...["0", "f", "F", "FALSE", "false", "False"].map((text): Case => ["boolean", boolean, text, false]),
    ["positive duration", positiveDuration, "1m30s", 90_000],
    ["positive duration", positiveDuration, "1ns", 0.000001],
    ["duration", durationOrOff, "0", 0],
    ["number", number, "1", 1],
    ["number", number, "+7", 7],
    ["number", number, "007", 7],
    ["word", level, "INFO", "info"],
    ["words", some, " b, a,b", ["b", "a"]],
    ["address", listenAddress, ":8080", { host: "", port: 8080 }],
    ["address", listenAddress, ":0", { host: "", port: 0 }],
    ["address", listenAddress, "127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }],
    ["address", listenAddress, "[::1]:8080", { host: "::1", port: 8080 }],
    ["address", listenAddress, "localhost:65535", { host: "localhost", port: 65_535 }],
    ["address", listenAddress, "0", "off"],
    ["address that is needed", address, ":9443", { host: "", port: 9443 }],
    ["URL", webhookUrl, "https://127.0.0.1:9443", "https://127.0.0.1:9443"],
    ["URL", webhookUrl, "https://[::1]:9443/", "https://[::1]:9443"],
    ["URL", webhookUrl, "HTTPS://Node.Example.Com", "https://node.example.com"],
    ["namespace", namespace, "a".repeat(63), "a".repeat(63)],
    ["name", objectName, "a.b-c.0", "a.b-c.0"],
    ["namespaces", namespaces, "b, a ,b,", ["b", "a"]],
  ])("%s %#: %s", (_, type, text, expected) => {
    expect(type.parse(text)).toEqual(expected);
  });
});

describe("refused:", () => {
  test.each<[string, ValueType<unknown>, readonly string[]]>([
    ["boolean", boolean, ["yes", "on", "tRUE", " true", "2"]],
    ["positive duration", positiveDuration, ["0", "0s", "-1s", "1", "30"]],
    ["duration", durationOrOff, ["-1ns", "10"]],
    ["number", number, ["0", "101", "-1", "1.0", "1e1", "0x1", " 1", "1_0", "1".repeat(400)]],
    ["word", level, ["warn", "inf", " info"]],
    ["words", some, ["c", "a,c", ",", "a,,b"]],
    [
      "address",
      listenAddress,
      ["8080", ":", ":http", ":65536", "::1:8080", "[127.0.0.1]:80", "[::1]", "a b:80", "http://x:80", "-a:80", ":-1"],
    ],
    ["address that is needed", address, ["0", "9443"]],
    [
      "URL",
      webhookUrl,
      [
        "127.0.0.1:9443",
        "http://127.0.0.1:9443",
        "https://",
        "https:///a",
        "https:127.0.0.1",
        "https://a/b",
        "https://a?b",
        "https://a?",
        "https://a#",
        "https://user@a",
        "https://a:0",
        "https://a:65536",
        " https://a",
        "https://a b",
      ],
    ],
    ["namespace", namespace, ["A", "a.b", "-a", "a-", "a_b", "a".repeat(64)]],
    ["name", objectName, ["A", "a..b", ".a", "a.", "a/b", "a".repeat(254)]],
    ["namespaces", namespaces, [",", " ", "a,B", "a b", "*"]],
  ])("%s", (_, type, texts) => {
    for (const text of texts) expect([text, type.parse(text)]).toEqual([text, undefined]);
  });
});
