/*
 * Invariants:
 * - What an API server of a minor version would refuse a Pod for is named for that version, and for none that has it on.
 * - A Watcher with it is left out of Pods, which are created as they were; where the version is not known, it is injected.
 */
import type { Container } from "kubernetes-types/core/v1.d.ts";
import { expect, test } from "vitest";
import type { WatcherSpec } from "../../src/api/watcher.ts";
import { inject } from "../../src/watcher/inject.ts";
import { whyTooNew } from "../../src/watcher/too-new.ts";
import { asking, NATIVE, watcher } from "./injection-fixtures.ts";

const having = (fields: object): WatcherSpec => ({ container: { name: "w", image: "i", ...fields } as Container });

test.each([
  ["a hook that sleeps before the end", { lifecycle: { preStop: { sleep: { seconds: 3 } } } }, 30],
  ["a hook that sleeps after the start", { lifecycle: { postStart: { sleep: { seconds: 3 } } } }, 30],
  ["a variable with a blank in its name", { env: [{ name: "A B", value: "1" }] }, 32],
  ["a variable whose name starts with a digit", { env: [{ name: "1A", value: "1" }] }, 32],
  ["a prefix with a blank", { envFrom: [{ prefix: "A B", configMapRef: { name: "m" } }] }, 32],
  ["a variable from a file", { env: [{ name: "A", valueFrom: { fileKeyRef: { key: "k" } } }] }, 35],
])("%s is for API servers that have it", (_what, fields, since) => {
  expect(whyTooNew(having(fields), since - 1)).toContain(`API servers before 1.${since}`);
  expect(whyTooNew(having(fields), since)).toBeUndefined();
});

test("what the oldest supported version has is for all", () => {
  const spec = having({
    env: [
      { name: "a.b-c_D", value: "1" },
      { name: "E", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    ],
    envFrom: [{ prefix: "P_", configMapRef: { name: "m" } }, { secretRef: { name: "s" } }],
    lifecycle: { preStop: { exec: { command: ["true"] } } },
    restartPolicy: "Always",
  });
  expect(whyTooNew(spec, 29)).toBeUndefined();
});

test("a Watcher that is too new for the API server is left out, with the reason", () => {
  const w = watcher("w", having({ lifecycle: { preStop: { sleep: { seconds: 3 } } } }));
  const old = inject(asking("w"), [w], { ...NATIVE, minor: 29 });
  expect(old.injected).toEqual([]);
  expect(old.left).toEqual([
    { watcher: "w", reason: "Unusable", message: expect.stringContaining("a lifecycle hook that sleeps") },
  ]);
  for (const minor of [30, undefined]) expect(inject(asking("w"), [w], { ...NATIVE, minor }).injected).toEqual(["w"]);
});
