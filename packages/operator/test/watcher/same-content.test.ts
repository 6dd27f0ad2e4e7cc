/*
 * Invariants: what the API server writes into a Pod by itself is no difference; whatever somebody has written is one.
 */
import { describe, expect, test } from "vitest";
import { amountOf } from "../../src/watcher/quantity.ts";
import { isSameContent } from "../../src/watcher/same-content.ts";

const wanted = {
  name: "w",
  image: "w:1",
  args: ["a", "b"],
  ports: [{ containerPort: 80 }],
  livenessProbe: { httpGet: { port: 80 } },
  env: [{ name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
  resources: { limits: { cpu: "0.5" } },
};

const defaulted = {
  ...wanted,
  imagePullPolicy: "IfNotPresent",
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  ports: [{ containerPort: 80, protocol: "TCP" }],
  livenessProbe: {
    httpGet: { port: 80, path: "/", scheme: "HTTP" },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  },
  env: [{ name: "POD", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } } }],
  resources: { limits: { cpu: "500m" }, requests: { cpu: "500m" } },
};

test("a container with the API server's defaults is the same", () => {
  expect(isSameContent(wanted, defaulted)).toBe(true);
});

test.each<[string, object]>([
  ["another image", { image: "w:2" }],
  ["another argument", { args: ["a", "c"] }],
  ["one argument more", { args: ["a", "b", "c"] }],
  ["a command", { command: ["sh"] }],
  ["another order of arguments", { args: ["b", "a"] }],
  ["an environment variable more", { env: [...wanted.env, { name: "X", value: "1" }] }],
  ["another probe", { livenessProbe: { httpGet: { port: 80 }, periodSeconds: 5 } }],
  ["other limits", { resources: { limits: { cpu: "1" }, requests: { cpu: "500m" } } }],
  ["other requests", { resources: { limits: { cpu: "500m" }, requests: { cpu: "100m" } } }],
  ["a privilege", { securityContext: { privileged: true } }],
  ["a mount", { volumeMounts: [{ name: "v", mountPath: "/v" }] }],
])("%s is a difference", (_what, change) => {
  expect(isSameContent(wanted, { ...defaulted, ...change })).toBe(false);
});

test("the mount of the service account's token is none", () => {
  const token = { name: "t", mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", readOnly: true };
  expect(isSameContent(wanted, { ...defaulted, volumeMounts: [token] })).toBe(true);
});

test("an empty value is as good as none, either way", () => {
  const empty = { ...wanted, command: [], workingDir: "", securityContext: {}, stdin: false };
  expect(isSameContent(empty, defaulted)).toBe(true);
  expect(isSameContent(wanted, { ...defaulted, command: [], resources: defaulted.resources })).toBe(true);
});

describe("volumes", () => {
  test.each<[object, object]>([
    [{ configMap: { name: "c" } }, { configMap: { name: "c", defaultMode: 420 } }],
    [{ emptyDir: { sizeLimit: "1024Mi" } }, { emptyDir: { sizeLimit: "1Gi" } }],
    [
      { projected: { sources: [{ serviceAccountToken: { path: "t" } }] } },
      { projected: { defaultMode: 420, sources: [{ serviceAccountToken: { path: "t", expirationSeconds: 3600 } }] } },
    ],
  ])("%j is the same as %j", (ours, theirs) => {
    expect(isSameContent({ name: "v", ...ours }, { name: "v", ...theirs })).toBe(true);
  });

  test("a volume of another kind is another", () => {
    expect(isSameContent({ name: "v", emptyDir: {} }, { name: "v", hostPath: { path: "/" } })).toBe(false);
    expect(isSameContent({ name: "v", configMap: { name: "c" } }, { name: "v", configMap: { name: "d" } })).toBe(false);
  });

  test("an emptyDir is what a volume without a kind is", () => {
    expect(isSameContent({ name: "v" }, { name: "v", emptyDir: {} })).toBe(true);
  });
});

test.each([
  ["500m", "0.5"],
  ["1Gi", "1024Mi"],
  ["1k", "1000"],
  ["1e3", "1k"],
  ["1E", "1000P"],
  ["100n", "0.1u"],
  [2, 2],
])("%s and %s are one amount", (a, b) => {
  expect(amountOf(a)).toBe(amountOf(b));
});

test.each([
  ["1", "1k"],
  ["1M", "1Mi"],
  ["junk", "1"],
  ["", "0"],
])("%s and %s are not", (a, b) => {
  expect(amountOf(a)).not.toBe(amountOf(b));
});
