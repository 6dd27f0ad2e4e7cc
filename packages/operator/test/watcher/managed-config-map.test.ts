/*
 * Invariants:
 * - Whatever is stored in a spec, the desired data are found or an obstacle is named; nothing throws.
 * - Planning what has been carried out plans nothing: no write without a difference.
 * - What is not ours is never written, whatever it holds.
 */
import { digestOf, type Stored } from "@pcmc/controller-runtime";
import fc from "fast-check";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { expect, test } from "vitest";
import type { Watcher } from "../../src/api/watcher.ts";
import type { ExistingConfigMap } from "../../src/controllers/digested-config-maps.ts";
import {
  type ConfigMapAction,
  type DesiredData,
  desiredData,
  planConfigMap,
} from "../../src/watcher/managed-config-map.ts";
import { storedWatcher } from "./stored.ts";

const desiredOf = (watcher: Stored<Watcher>): DesiredData => {
  const desired = desiredData(watcher);
  if ("reason" in desired) throw new Error(desired.message);
  return desired;
};

/** A ConfigMap as the cache would hold it once it is stored. */
const stored = ({ metadata, data, binaryData, immutable = false }: ConfigMap): ExistingConfigMap => ({
  metadata: { name: "", uid: "uid-of-config-map", resourceVersion: "1", ...metadata },
  dataDigest: data && digestOf(data),
  binaryDataDigest: binaryData && digestOf(binaryData),
  immutable,
});

const written = (action: ConfigMapAction): ConfigMap => {
  if (!("configMap" in action)) throw new Error(`${action.type} writes nothing`);
  return action.configMap;
};

const data = { configData: { LEVEL: "debug" }, configBinaryData: { blob: "AAEC" } };

test("a new ConfigMap holds exactly the Watcher's data and marks", () => {
  const watcher = storedWatcher("logs", data);
  const action = planConfigMap(watcher, desiredOf(watcher), undefined);
  expect(action).toEqual({
    type: "create",
    configMap: {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: "logs-config",
        namespace: "shop",
        labels: { "watch.example.com/watcher": "logs", "watch.example.com/watcher-uid": "uid-of-logs" },
        ownerReferences: [
          {
            apiVersion: "watch.example.com/v1alpha1",
            kind: "Watcher",
            name: "logs",
            uid: "uid-of-logs",
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      data: { LEVEL: "debug" },
      binaryData: { blob: "AAEC" },
    },
  });
});

test("what has been written needs no further write, for any data and name", () => {
  const key = fc.stringMatching(/^[-_a-zA-Z0-9]{1,20}$/);
  const base64 = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("base64"));
  const name = fc.stringMatching(/^[a-z]([-a-z0-9]{0,200}[a-z0-9])?$/);
  fc.assert(
    fc.property(name, fc.dictionary(key, fc.string()), fc.dictionary(key, base64), (watcherName, text, binary) => {
      const configBinaryData = Object.fromEntries(Object.entries(binary).map(([at, value]) => [`b.${at}`, value]));
      const watcher = storedWatcher(watcherName, { configData: text, configBinaryData });
      const desired = desiredOf(watcher);
      const configMap = written(planConfigMap(watcher, desired, undefined));
      expect(planConfigMap(watcher, desired, stored(configMap))).toEqual({ type: "none" });
    }),
  );
});

test("stray bits in the last character of base64 make no write at each look", () => {
  const watcher = storedWatcher("logs", { configBinaryData: { blob: "AB==" } });
  expect(desiredOf(watcher).binaryData).toEqual({ blob: "AA==" });
});

test("a repair keeps what others have put into the metadata, and takes their data out", () => {
  const watcher = storedWatcher("logs", data);
  const desired = desiredOf(watcher);
  const { metadata, ...rest } = written(planConfigMap(watcher, desired, undefined));
  const theirs = { labels: { team: "a" }, annotations: { note: "1" }, finalizers: ["example.com/held"] };
  const edited = stored({ ...rest, data: { theirs: "1" }, metadata: { ...metadata, ...theirs } });
  const action = planConfigMap(watcher, desired, edited);
  expect(action).toMatchObject({ type: "update", configMap: { data: { LEVEL: "debug" }, metadata: theirs } });
  expect(written(action).metadata?.resourceVersion).toBe("1");
});

test.each<{ what: string; metadata: ConfigMap["metadata"] }>([
  { what: "no mark", metadata: {} },
  { what: "one of two labels", metadata: { labels: { "watch.example.com/watcher": "logs" } } },
  {
    what: "the labels of an earlier Watcher without its reference",
    metadata: { labels: { "watch.example.com/watcher": "logs", "watch.example.com/watcher-uid": "earlier" } },
  },
  {
    what: "the reference of another owner",
    metadata: { ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "logs", uid: "other", controller: true }] },
  },
])("a ConfigMap with $what is foreign, though it holds the same", ({ metadata }) => {
  const watcher = storedWatcher("logs", data);
  const desired = desiredOf(watcher);
  const foreign = stored({ metadata: { name: "logs-config", ...metadata }, data: { LEVEL: "debug" } });
  expect(planConfigMap(watcher, desired, foreign)).toMatchObject({
    type: "blocked",
    holds: false,
    obstacle: { reason: "ConfigMapConflict" },
  });
});

test("an immutable one is never written; whether it holds what it should is said", () => {
  const watcher = storedWatcher("logs", data);
  const desired = desiredOf(watcher);
  const configMap = { ...written(planConfigMap(watcher, desired, undefined)), immutable: true };
  expect(planConfigMap(watcher, desired, stored(configMap))).toMatchObject({ type: "blocked", holds: true });
  expect(planConfigMap(watcher, desired, stored({ ...configMap, data: {} }))).toMatchObject({
    type: "blocked",
    holds: false,
    obstacle: { reason: "Immutable" },
  });
});

test("one that is being deleted is waited for", () => {
  const watcher = storedWatcher("logs", data);
  const desired = desiredOf(watcher);
  const { metadata, ...rest } = written(planConfigMap(watcher, desired, undefined));
  const going = stored({ ...rest, metadata: { ...metadata, deletionTimestamp: "2026-01-31T15:04:05Z" } });
  expect(planConfigMap(watcher, desired, going)).toMatchObject({ obstacle: { reason: "BeingDeleted" } });
});

test.each<{ what: string; name?: string; spec: object; reason: string; says: string }>([
  { what: "a long name", name: "w".repeat(247), spec: {}, reason: "NameTooLong", says: "at most 246 characters" },
  {
    what: "more than 1 MiB",
    spec: { configData: { a: "é".repeat(500_000) }, configBinaryData: { b: Buffer.alloc(60_000).toString("base64") } },
    reason: "TooLarge",
    says: "hold 1060000 bytes; a ConfigMap holds at most 1048576",
  },
  { what: "no base64", spec: { configBinaryData: { b: "?" } }, reason: "InvalidData", says: "configBinaryData[b]" },
  { what: "a bad key", spec: { configData: { "a/b": "" } }, reason: "InvalidData", says: '"a/b" cannot be a key' },
  {
    what: "one key in both maps",
    spec: { configData: { a: "" }, configBinaryData: { a: "" } },
    reason: "InvalidData",
    says: '"a" is in configData and in configBinaryData',
  },
  { what: "a number", spec: { configData: { a: 1 } }, reason: "InvalidData", says: "must be maps of text" },
])("data that no ConfigMap can hold are an obstacle: $what", ({ name = "logs", spec, reason, says }) => {
  expect(desiredData(storedWatcher(name, spec))).toMatchObject({ reason, message: expect.stringContaining(says) });
});

test("nothing that can be stored makes it throw", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (configData, configBinaryData) => {
      desiredData(storedWatcher("logs", { configData, configBinaryData }));
    }),
  );
});
