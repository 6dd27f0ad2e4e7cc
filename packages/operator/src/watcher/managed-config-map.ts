import { digestOf, type ObjectMeta, type Stored } from "@pcmc/controller-runtime";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { decodedLength, formatFault } from "../api/formats.ts";
import { isDataKey, MAX_NAME } from "../api/syntax.ts";
import type { Watcher } from "../api/watcher.ts";
import type { ExistingConfigMap } from "../controllers/digested-config-maps.ts";
import { withMarks } from "../controllers/marks.ts";
import { MAX_DATA_BYTES } from "../podconfigmap/data.ts";
import { configMapNameOf } from "./names.ts";
import { isFormers, isOurs, marksOf } from "./ownership.ts";

/** Why a Watcher has no managed ConfigMap as it should be, in the form of a condition. */
export interface Obstacle {
  readonly reason:
    | "NameTooLong"
    | "TooLarge"
    | "InvalidData"
    | "ConfigMapConflict"
    | "Immutable"
    | "BeingDeleted"
    | "QuotaExceeded"
    | "AdmissionDenied"
    | "Rejected"
    | "Forbidden";
  /** One line that says what is wrong and what to do. */
  readonly message: string;
}

/** What the managed ConfigMap should hold; binary values in the one form of base64 that the API server stores. */
export interface DesiredData {
  readonly name: string;
  readonly data: Readonly<Record<string, string>>;
  readonly binaryData: Readonly<Record<string, string>>;
}

/** One write, or the reason for none. */
export type ConfigMapAction =
  /** It is as it should be. */
  | { readonly type: "none" }
  | { readonly type: "create"; readonly configMap: ConfigMap }
  /** A PUT: `metadata.resourceVersion` is that of the object judged. */
  | { readonly type: "update"; readonly configMap: ConfigMap }
  /** A delete of exactly `existing`, then a create: it was an earlier Watcher's of the same name. */
  | { readonly type: "recreate"; readonly existing: ExistingConfigMap; readonly configMap: ConfigMap }
  /** Nothing may or can be written. `holds`: what is there is ours, and holds what it should. */
  | { readonly type: "blocked"; readonly obstacle: Obstacle; readonly holds: boolean };

/**
 * What a Watcher's ConfigMap should hold, or why it can have none. Never throws, whatever is stored: an older CRD may have let
 * in what admission refuses today.
 */
export const desiredData = (watcher: Stored<Watcher>): DesiredData | Obstacle => {
  const name = configMapNameOf(watcher.metadata.name);
  if (name.length > MAX_NAME) {
    const most = MAX_NAME - configMapNameOf("").length;
    const message = `the name ${name} is too long for a ConfigMap: give the Watcher a name of at most ${most} characters`;
    return { reason: "NameTooLong", message };
  }
  const data = mapIn(watcher, "configData");
  const binary = mapIn(watcher, "configBinaryData");
  if (data === undefined || binary === undefined) {
    return { reason: "InvalidData", message: "configData and configBinaryData must be maps of text: mend them" };
  }
  const badKey = [...data.keys(), ...binary.keys()].find((key) => !isDataKey(key));
  if (badKey !== undefined) return invalid(`${JSON.stringify(badKey)} cannot be a key of a ConfigMap: rename it`);
  const twice = [...data.keys()].find((key) => binary.has(key));
  if (twice !== undefined)
    return invalid(`${JSON.stringify(twice)} is in configData and in configBinaryData: remove one`);
  return encoded({ name, data, binary });
};

const invalid = (message: string): Obstacle => ({ reason: "InvalidData", message });

const encoded = ({
  name,
  data,
  binary,
}: {
  readonly name: string;
  readonly data: ReadonlyMap<string, string>;
  readonly binary: ReadonlyMap<string, string>;
}): DesiredData | Obstacle => {
  const binaryData = new Map<string, string>();
  let bytes = 0;
  for (const value of data.values()) bytes += Buffer.byteLength(value);
  for (const [key, value] of binary) {
    const fault = formatFault("byte", value);
    if (fault !== undefined) return invalid(`configBinaryData[${key}] ${fault}`);
    // As the API server stores it: without stray bits in the last character. Else each look would find a difference.
    const canonical = Buffer.from(value, "base64").toString("base64");
    binaryData.set(key, canonical);
    bytes += decodedLength(canonical);
  }
  if (bytes > MAX_DATA_BYTES) {
    const message = `configData and configBinaryData hold ${bytes} bytes; a ConfigMap holds at most ${MAX_DATA_BYTES}: shorten them`;
    return { reason: "TooLarge", message };
  }
  return { name, data: Object.fromEntries(data), binaryData: Object.fromEntries(binaryData) };
};

/** A map of text in the spec, `undefined` where it is something else. */
const mapIn = (
  { spec }: Watcher,
  field: "configData" | "configBinaryData",
): ReadonlyMap<string, string> | undefined => {
  const value: unknown = spec?.[field];
  if (value === undefined || value === null) return new Map();
  if (typeof value !== "object" || Array.isArray(value)) return undefined;
  const entries = Object.entries(value);
  return entries.every((entry): entry is [string, string] => typeof entry[1] === "string")
    ? new Map(entries)
    : undefined;
};

/**
 * The write that makes the managed ConfigMap what it should be. What others added to its metadata stays; `data` and `binaryData`
 * are ours alone. What is not ours is never touched.
 *
 * @param existing what there is under the name, if there is anything.
 */
export const planConfigMap = (
  watcher: Stored<Watcher>,
  desired: DesiredData,
  existing: ExistingConfigMap | undefined,
): ConfigMapAction => {
  const { name } = desired;
  const marks = marksOf(watcher);
  const { namespace = "" } = watcher.metadata;
  const fresh = () => configMapOf(desired, withMarks({ name, namespace }, marks).metadata);
  if (existing === undefined) return { type: "create", configMap: fresh() };
  const former = isFormers(existing, watcher);
  if (!isOurs(existing, watcher) && !former) return blocked("ConfigMapConflict", conflictMessage(name));
  if (existing.metadata.deletionTimestamp !== undefined)
    return blocked(
      "BeingDeleted",
      `ConfigMap ${name} is being deleted and waits for its finalizers: it is made again then`,
    );
  if (former) return { type: "recreate", existing, configMap: fresh() };
  const holds = holdsData(existing, desired);
  if (existing.immutable) return { ...blocked("Immutable", immutableMessage(name, holds)), holds };
  const { metadata, changed } = withMarks(existing.metadata, marks);
  return changed || !holds ? { type: "update", configMap: configMapOf(desired, metadata) } : { type: "none" };
};

const holdsData = (existing: ExistingConfigMap, { data, binaryData }: DesiredData): boolean =>
  (existing.dataDigest ?? EMPTY) === digestOf(data) && (existing.binaryDataDigest ?? EMPTY) === digestOf(binaryData);

const EMPTY = digestOf(undefined);

const blocked = (reason: Obstacle["reason"], message: string) =>
  ({ type: "blocked", obstacle: { reason, message }, holds: false }) as const;

const conflictMessage = (name: string): string =>
  `ConfigMap ${name} exists and is not ours: it is left untouched; rename or delete it to make room`;

const immutableMessage = (name: string, holds: boolean): string =>
  holds
    ? `ConfigMap ${name} is immutable: it holds what it should, but could not follow a change; delete it, and it is made again`
    : `ConfigMap ${name} is immutable and does not hold what it should: delete it, and it is made again`;

const configMapOf = ({ data, binaryData }: DesiredData, metadata: ObjectMeta): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata,
  data,
  binaryData,
});
