/*
 * Invariant: whatever an object holds, reading it as protobuf gives what reading it as JSON gives, to the last field.
 */
import { get } from "node:https";
import { type Cluster, startCluster } from "@pcmc/devcluster";
import fc from "fast-check";
import type { ConfigMap, Pod } from "kubernetes-types/core/v1.d.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { ClusterConfig } from "../../src/config/cluster-config.ts";
import type { WatchEvent } from "../../src/decode/decoder.ts";
import { jsonCodec } from "../../src/decode/json.ts";
import type { Projection } from "../../src/decode/projection.ts";
import { isProtobuf } from "../../src/decode/protobuf.ts";
import { NotFoundError } from "../../src/errors.ts";
import type { KubernetesObject, Stored } from "../../src/object.ts";
import { ConfigMaps, defineResource, Pods, type Resource } from "../../src/resource.ts";

const configMapFields: Projection = { metadata: true, data: true, binaryData: true, immutable: true };
const podFields: Projection = {
  metadata: true,
  spec: { nodeName: true, hostNetwork: true },
  status: { phase: true, conditions: { type: true, status: true, reason: true, message: true } },
};

let cluster: Cluster;
let client: Client;

beforeAll(async () => {
  // Off by default before 1.34, but for 1.32.
  cluster = await startCluster({ controllerManager: false, featureGates: { WatchList: true } });
  const { server, caPem: ca, certPem: cert, keyPem: key } = cluster;
  const config: ClusterConfig = {
    server,
    namespace: "default",
    source: "test",
    tls: () => ({ ca, cert, key, rejectUnauthorized: true }),
    onTlsChange: () => () => {},
    authorization: () => undefined,
    refresh: () => Promise.resolve(false),
    close: () => {},
  };
  client = new Client(config, { userAgent: "protobuf-test/1" });
});

afterAll(async () => {
  await client?.close();
  await cluster?.stop();
});

/** The same objects, read as JSON by the cluster's own small client. */
const asJson = async (path: string, projection: Projection): Promise<KubernetesObject> => {
  const text = JSON.stringify(await cluster.request("GET", path));
  return jsonCodec().decoder(projection).object(Buffer.from(text));
};

/** A resource under another name, so that the client does not know its messages and reads JSON. */
const unknownToProtobuf = <T extends KubernetesObject>(resource: Resource<T>) =>
  defineResource<T>({ ...resource, kind: `${resource.kind}AsJson` });

const key = fc.stringMatching(/^[a-z0-9]([-._a-z0-9]{0,20}[a-z0-9])?$/);
const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.constantFrom("", "é", "x".repeat(200), "😀\n\t\u0000"),
);
const labels = fc.dictionary(key, fc.constantFrom("", "a", "web-0"), { maxKeys: 4 });
const configMap = fc.record(
  {
    data: fc.dictionary(key, text, { maxKeys: 5 }),
    binaryData: fc.dictionary(
      key.map((name) => `${name}.bin`),
      fc.uint8Array({ maxLength: 30 }).map((b) => Buffer.from(b).toString("base64")),
      { maxKeys: 2 },
    ),
    immutable: fc.boolean(),
    labels,
    annotations: fc.dictionary(key, text, { maxKeys: 3 }),
    finalizers: fc.constantFrom(undefined, ["example.com/hold"]),
    controller: fc.constantFrom(undefined, true, false),
  },
  { requiredKeys: [] },
);

describe("protobuf", () => {
  test("gives what JSON gives, for any ConfigMap", async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(
        configMap,
        async ({ data, binaryData, immutable, labels, annotations, finalizers, controller }) => {
          const name = `any-${count++}`;
          const owner = {
            apiVersion: "v1",
            kind: "Pod",
            name: "p",
            uid: "u-1",
            ...(controller !== undefined && { controller }),
          };
          const metadata = { name, namespace: "default", labels, annotations, finalizers, ownerReferences: [owner] };
          const body = { apiVersion: "v1", kind: "ConfigMap", metadata, data, binaryData, immutable };
          await cluster.request("POST", "/api/v1/namespaces/default/configmaps", body);
          const read = await client.get(ConfigMaps, { namespace: "default", name }, { project: configMapFields });
          const expected = await asJson(`/api/v1/namespaces/default/configmaps/${name}`, configMapFields);
          expect(read).toEqual({ ...expected, apiVersion: "v1", kind: "ConfigMap" });
        },
      ),
      { numRuns: 60 },
    );
  });

  test("gives what JSON gives in a list, by digest and by projection", async () => {
    const project: Projection = {
      metadata: { labels: true, ownerReferences: { name: true } },
      data: "digest",
      binaryData: "digest",
    };
    const list = await client.list(ConfigMaps, { project, limit: 7 });
    const json = await client.list(unknownToProtobuf(ConfigMaps), { project });
    expect(list.items.length).toBeGreaterThan(10);
    expect(list.items).toEqual(json.items.map((item) => ({ ...item, kind: "ConfigMap" })));
  });

  test("gives of an answer to a create what JSON gives", async () => {
    let count = 0;
    await fc.assert(
      fc.asyncProperty(labels, fc.dictionary(key, text, { maxKeys: 6 }), async (marks, data) => {
        const object = (name: string): ConfigMap => ({
          metadata: {
            name,
            namespace: "default",
            labels: marks,
            annotations: { note: "é".repeat(100) },
            ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "p", uid: "u-2", controller: false }],
          },
          data,
        });
        const binary = await client.create(ConfigMaps, object(`binary-${count}`), { project: configMapFields });
        const stored = await asJson(`/api/v1/namespaces/default/configmaps/binary-${count++}`, configMapFields);
        expect(binary).toEqual({ ...stored, apiVersion: "v1", kind: "ConfigMap" });
        const { name: _name, ...expected } = object("").metadata ?? {};
        expect(stored).toMatchObject({ metadata: withoutEmpty(expected), ...withoutEmpty({ data }) });
      }),
      { numRuns: 40 },
    );
  });

  test("gives what JSON gives of Pods, in a list and in a watch", async () => {
    const pod = (name: string): Pod => ({
      metadata: {
        name,
        namespace: "default",
        labels: { app: "web" },
        annotations: { a: "é" },
        finalizers: ["example.com/hold"],
      },
      spec: {
        containers: [{ name: "c", image: "i" }],
        ...(name === "p-1" && { nodeName: "node-1", hostNetwork: true }),
      },
    });
    for (const name of ["p-0", "p-1"]) await client.create(Pods, pod(name));
    const conditions = [
      { type: "example.com/Checked", status: "False", reason: "Broken", message: "é".repeat(200) },
      { type: "Ready", status: "True" },
    ];
    const reported = { status: { phase: "Running", conditions } };
    await client.patch(Pods, { namespace: "default", name: "p-1" }, reported, { type: "merge", subresource: "status" });
    await client.delete(Pods, { namespace: "default", name: "p-1" }, { gracePeriodSeconds: 30 });
    const { items } = await client.list(Pods, { project: podFields });
    const json = await client.list(unknownToProtobuf(Pods), { project: podFields });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(["p-0", "p-1"]);
    expect(items.map(({ spec, status }) => [spec?.hostNetwork, status?.conditions])).toEqual([
      [undefined, undefined],
      [true, conditions],
    ]);
    expect(items).toEqual(json.items.map((item) => ({ ...item, kind: "Pod" })));
    expect(await initialEvents(Pods)).toEqual(
      (await initialEvents(unknownToProtobuf(Pods))).map(({ type, object }) => ({
        type,
        object: { ...object, kind: "Pod" },
      })),
    );
  });

  test("carries errors: their class, message and details", async () => {
    const error = await client
      .get(ConfigMaps, { namespace: "default", name: "none" }, { project: configMapFields })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ code: 404, reason: "NotFound", details: { name: "none", kind: "configmaps" } });
  });

  test("is what the API server sends for the types that the client asks for", async () => {
    const paths = ["pods", "configmaps", "configmaps/binary-0"].map((path) => `/api/v1/namespaces/default/${path}`);
    for (const path of paths) expect(isProtobuf(await answerTo(path, PROTOBUF_FIRST))).toBe(true);
  });

  test("is told from JSON by its first bytes", () => {
    expect(isProtobuf(Buffer.from("k8s\0\n"))).toBe(true);
    expect(isProtobuf(Buffer.from('{"kind":"Status"}'))).toBe(false);
    expect(isProtobuf(Buffer.alloc(0))).toBe(false);
  });
});

const PROTOBUF_FIRST = "application/vnd.kubernetes.protobuf,application/json";

const answerTo = (path: string, accept: string): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const { server, caPem: ca, certPem: cert, keyPem: key } = cluster;
    get(`${server}${path}`, { ca, cert, key, headers: { accept } }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => resolve(Buffer.concat(chunks)));
    }).on("error", reject);
  });

/** The API leaves empty maps out. */
const withoutEmpty = (object: object): object =>
  Object.fromEntries(
    Object.entries(object).filter(([, value]) => typeof value !== "object" || Object.keys(value).length > 0),
  );

const initialEvents = async (resource: Resource<Pod>): Promise<WatchEvent<Stored<Pod>>[]> => {
  const events: WatchEvent<Stored<Pod>>[] = [];
  const end = new AbortController();
  const options = { project: podFields, sendInitialEvents: true, signal: end.signal };
  await client
    .watch(resource, options, (event) => {
      if (event.type === "BOOKMARK") end.abort();
      else events.push(event);
    })
    .catch((error: unknown) => {
      if (!end.signal.aborted) throw error;
    });
  return events;
};
