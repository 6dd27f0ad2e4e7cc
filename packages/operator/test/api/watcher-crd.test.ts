/*
 * Invariants of the committed CRD of Watcher:
 * - It is the one that the schema gives, and fits into the annotation that client-side apply keeps.
 * - It holds what structural schemas allow, and no trace of Go's zero values as defaults.
 */
import { expect, test } from "vitest";
import { parse } from "yaml";
import { crdYaml } from "../../src/api/crd.ts";
import { watcherResource } from "../../src/api/watcher.ts";
import { committedWatcherDefinition } from "./watcher-definition.ts";

const committed = committedWatcherDefinition();
const definition = parse(committed);
const [version] = definition.spec.versions;

test("the committed CRD is the one that the schema gives", () => {
  expect(committed).toBe(crdYaml(watcherResource));
});

test("the names that users rely on stand", () => {
  expect(definition.metadata.name).toBe("watchers.watch.example.com");
  expect(definition.spec).toMatchObject({ group: "watch.example.com", scope: "Namespaced" });
  expect(definition.spec.names).toMatchObject({ kind: "Watcher", plural: "watchers", singular: "watcher" });
  expect(version).toMatchObject({ name: "v1alpha1", served: true, storage: true, subresources: { status: {} } });
});

/** Bytes of all annotations of an object. Source: Kubernetes' `TotalAnnotationSizeLimitB`. */
const MAX_ANNOTATIONS = 256 * 1024;

test("client-side apply has room for it, with some to grow", () => {
  expect(Buffer.byteLength(JSON.stringify(definition))).toBeLessThan(0.75 * MAX_ANNOTATIONS);
});

interface Node extends Readonly<Record<string, unknown>> {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly items?: Node;
  readonly additionalProperties?: Node;
}

/** Every schema below one, with the way to it. */
const nodesIn = (node: Node, path = ""): readonly (readonly [string, Node])[] => [
  [path, node],
  ...Object.entries(node.properties ?? {}).flatMap(([name, property]) => nodesIn(property, `${path}.${name}`)),
  ...(node.items === undefined ? [] : nodesIn(node.items, `${path}[]`)),
  ...(node.additionalProperties === undefined ? [] : nodesIn(node.additionalProperties, `${path}{}`)),
];

const nodes = nodesIn(version.schema.openAPIV3Schema);
const nodeAt = (path: string): Node => nodes.find(([at]) => at === path)?.[1] ?? {};

test("it has the Pod API's own fields, down to the last", () => {
  expect(nodes.length).toBeGreaterThan(500);
  expect(nodeAt(".spec.container.securityContext.seccompProfile.type")).toMatchObject({
    enum: ["Localhost", "RuntimeDefault", "Unconfined"],
  });
  expect(nodeAt(".spec.container.resources.limits{}")).toMatchObject({ "x-kubernetes-int-or-string": true });
  expect(nodeAt(".spec.volume.projected.sources[].clusterTrustBundle.labelSelector.matchLabels{}")).toMatchObject({
    type: "string",
  });
});

test("every schema has one type, or is an integer or string, or open", () => {
  const untyped = nodes.filter(([, node]) => node.type === undefined && node["x-kubernetes-int-or-string"] !== true);
  expect(untyped.map(([path]) => path)).toEqual([]);
  expect(committed).not.toMatch(/[$]ref|allOf|oneOf|x-kubernetes-(patch|unions)/);
});

test("defaults are those that the API fills in", () => {
  const defaults = nodes.filter(([, node]) => node.default !== undefined);
  const found = Object.fromEntries(defaults.map(([path, node]) => [path, node.default]));
  expect(found).toMatchObject({
    ".spec.injectAs": "Auto",
    ".spec.rollout": "Never",
    ".spec.container.ports[].protocol": "TCP",
    ".spec.volume.rbd.pool": "rbd",
  });
  expect(Object.values(found).filter((value) => typeof value !== "string" || value === "")).toEqual([]);
});

test("keys of lists are required, or have a default", () => {
  const lists = nodes.filter(([, node]) => node["x-kubernetes-list-map-keys"] !== undefined);
  expect(lists.length).toBeGreaterThan(5);
  for (const [path, { items = {}, ...list }] of lists) {
    const required = new Set(items.required as readonly string[]);
    for (const key of list["x-kubernetes-list-map-keys"] as readonly string[]) {
      expect(required.has(key) || items.properties?.[key]?.default !== undefined, `${path} ${key}`).toBe(true);
    }
  }
});

test("kubectl explain has something to say of every field of our own", () => {
  const ours = nodes.filter(([path]) => !/^[.]spec[.](container|volume)[.]|[\]}]$/.test(path));
  expect(ours.filter(([, node]) => node.description === undefined).map(([path]) => path)).toEqual([".metadata"]);
});
