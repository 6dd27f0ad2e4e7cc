/*
 * Invariants:
 * - The short names are always there, whatever the Pod lacks.
 * - What is the Pod's own is as the API has it, but for managedFields.
 */
import fc from "fast-check";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import { expect, test } from "vitest";
import { templateData } from "../../src/podconfigmap/template-data.ts";

const spec = { nodeName: "node-1", containers: [{ name: "main", image: "example.com/app" }] };
const status = { phase: "Running", podIP: "10.0.0.7" };
const metadata = { name: "web-0", namespace: "shop", uid: "u-1", labels: { app: "web" }, annotations: { "a/b": "c" } };

test("a Pod of a cluster is seen whole, and by short names", () => {
  expect(templateData({ apiVersion: "v1", kind: "Pod", metadata, spec, status }, "app")).toEqual({
    metadata,
    spec,
    status,
    pcmc: { name: "app" },
    labels: { app: "web" },
    annotations: { "a/b": "c" },
    namespace: "shop",
    podName: "web-0",
    nodeName: "node-1",
    phase: "Running",
  });
});

test("a Pod that no API server has stored is in the namespace default, and has empty strings and maps", () => {
  expect(templateData({ metadata: { name: "web-0" } }, "app")).toEqual({
    metadata: { name: "web-0" },
    spec: {},
    status: {},
    pcmc: { name: "app" },
    labels: {},
    annotations: {},
    namespace: "default",
    podName: "web-0",
    nodeName: "",
    phase: "",
  });
});

test("managedFields are not seen, and stay with the Pod", () => {
  const pod: Pod = { metadata: { ...metadata, managedFields: [{ manager: "kubelet" }] }, spec, status };
  expect(templateData(pod, "app").metadata).not.toHaveProperty("managedFields");
  expect(pod.metadata?.managedFields).toEqual([{ manager: "kubelet" }]);
});

test("labels written as null, as YAML without a value has them, are an empty map", () => {
  const pod = JSON.parse('{"metadata":{"name":"web-0","labels":null,"annotations":null},"spec":null,"status":null}');
  expect(templateData(pod, "app")).toMatchObject({ labels: {}, annotations: {}, spec: {}, status: {} });
});

test("the short names say what the whole object says", () => {
  const text = fc.string({ minLength: 1 });
  const pods = fc.record(
    {
      metadata: fc.record({ name: text, namespace: text, labels: fc.dictionary(text, text) }, { requiredKeys: [] }),
      status: fc.record({ phase: text }, { requiredKeys: [] }),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(pods, (pod) => {
      const data = templateData(pod, "app");
      expect(data.podName).toBe(pod.metadata?.name ?? "");
      expect(data.namespace).toBe(pod.metadata?.namespace ?? "default");
      expect(data.phase).toBe(pod.status?.phase ?? "");
      expect(data.labels).toEqual(pod.metadata?.labels ?? {});
    }),
  );
});
