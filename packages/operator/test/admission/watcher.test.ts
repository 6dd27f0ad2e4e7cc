/*
 * Invariants of validateWatcher(object):
 * - Nothing to say of what is legal; of each fault one error, and it names the field.
 * - It never throws, whatever it is given.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { validateWatcher } from "../../src/admission/watcher/validate.ts";
import { fieldOf } from "../../src/api/conform.ts";
import { legal, refused, small, watcher } from "../api/watcher-corpus.ts";
import { lines } from "./fixtures.ts";

const errorsOf = (object: unknown) => validateWatcher(object).filter(({ severity }) => severity === "error");

describe("legal:", () => {
  test.each(legal)("$name", ({ spec }) => {
    expect(lines(errorsOf(watcher("w", spec)))).toEqual([]);
  });
});

describe("refused:", () => {
  test.each(refused)("$name", ({ spec, field, says = "" }) => {
    const errors = errorsOf(watcher("w", spec));
    expect(errors.map(({ path }) => fieldOf(path))).toEqual([field]);
    expect(errors[0]?.message).toContain(says);
    expect(errors[0]?.message).toMatch(/^[^\n]+$/);
  });
});

describe("warned of:", () => {
  test.each([
    ["a volume that nobody mounts", { container: small, volume: { name: "v" } }, "spec.volume"],
    [
      "a port of the host",
      { container: { ...small, ports: [{ containerPort: 1, hostPort: 1 }] } },
      "spec.container.ports[0].hostPort",
    ],
    [
      "a probe of a port that no port has the name of",
      { container: { ...small, livenessProbe: { tcpSocket: { port: "web" } } } },
      "spec.container.livenessProbe.tcpSocket.port",
    ],
    [
      "a signal that needs the Pod's help",
      { container: { ...small, lifecycle: { stopSignal: "SIGUSR1" } } },
      "spec.container.lifecycle.stopSignal",
    ],
    [
      "claims of the Pod",
      { container: { ...small, resources: { claims: [{ name: "gpu" }] } } },
      "spec.container.resources.claims",
    ],
    [
      "a restart policy, which a plain container has of its Pod",
      { container: { ...small, restartPolicy: "Never" }, injectAs: "Container" },
      "spec.container.restartPolicy",
    ],
    [
      "rules for restarts",
      {
        container: {
          ...small,
          restartPolicy: "Always",
          restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [1] } }],
        },
      },
      "spec.container.restartPolicyRules",
    ],
    [
      "binary data that nothing mounts",
      { container: small, configBinaryData: { logo: "AAAA" } },
      "spec.configBinaryData",
    ],
    [
      "binary data beside a volume of another ConfigMap",
      {
        container: { ...small, volumeMounts: [{ name: "v", mountPath: "/v" }] },
        volume: { name: "v", configMap: { name: "other-config" } },
        configBinaryData: { logo: "AAAA" },
      },
      "spec.configBinaryData",
    ],
    [
      "a selector that selects nothing",
      {
        container: small,
        podSelector: {
          matchExpressions: [
            { key: "a", operator: "Exists" },
            { key: "a", operator: "DoesNotExist" },
          ],
        },
      },
      "spec.podSelector",
    ],
  ])("%s", (_, spec, field) => {
    const findings = validateWatcher(watcher("w", spec));
    expect(findings.map(({ severity, path }) => [severity, fieldOf(path)])).toEqual([["warning", field]]);
  });
});

describe("binary data that the container can read by the Watcher's volume needs no warning:", () => {
  test.each([
    ["a volume of the managed ConfigMap", { configMap: { name: "w-config" } }],
    ["among others", { projected: { sources: [{ secret: { name: "s" } }, { configMap: { name: "w-config" } }] } }],
  ])("%s", (_, source) => {
    const container = { ...small, volumeMounts: [{ name: "v", mountPath: "/v" }] };
    const spec = { container, volume: { name: "v", ...source }, configBinaryData: { logo: "AAAA" } };
    expect(validateWatcher(watcher("w", spec))).toEqual([]);
  });

  test("none is there", () => {
    expect(validateWatcher(watcher("w", { container: small, configBinaryData: {} }))).toEqual([]);
  });
});

test("a name that leaves no room for the ConfigMap's is refused", () => {
  const errors = (length: number) => lines(errorsOf(watcher("w".repeat(length), { container: small })));
  expect(errors(246)).toEqual([]);
  expect(errors(247)).toEqual([expect.stringContaining("metadata.name: must have at most 246 characters, not 247")]);
});

test("another kind is told apart", () => {
  const object = { ...watcher("w", { container: small }), kind: "watcher", apiVersion: "v1" };
  expect(lines(errorsOf(object))).toEqual([
    "error apiVersion: must be watch.example.com/v1alpha1",
    "error kind: must be Watcher",
  ]);
});

test("it never throws", () => {
  const messy = fc.oneof(fc.anything(), fc.record({ name: fc.anything(), image: fc.anything(), env: fc.anything() }));
  fc.assert(
    fc.property(messy, messy, messy, (container, volume, data) => {
      validateWatcher(watcher("w", { container, volume, configData: data, configBinaryData: data }));
      validateWatcher(container);
    }),
  );
});
