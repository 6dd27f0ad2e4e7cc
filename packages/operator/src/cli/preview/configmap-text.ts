import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { stringify } from "yaml";
import { WRITTEN_YAML } from "../input/yaml-tags.ts";

/** The fields of `metadata` that are ours or other clients' to say; the rest is the API server's. */
const METADATA = ["name", "namespace", "labels", "annotations", "ownerReferences", "finalizers"] as const;

/**
 * A ConfigMap as it would be written to a file: what the API server adds by itself left out, fields in kubectl's order but for
 * the kind on top, keys sorted.
 */
export const plainConfigMap = ({ metadata = {}, data, binaryData, immutable }: ConfigMap): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: Object.fromEntries(
    METADATA.flatMap((field) => (metadata[field] === undefined ? [] : [[field, sorted(metadata[field])]])),
  ),
  ...(immutable && { immutable }),
  ...(binaryData && { binaryData: sorted(binaryData) }),
  ...(data && { data: sorted(data) }),
});

/** Maps by key; lists and texts as they are. */
const sorted = <T>(value: T): T => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  // The boundary: the same entries in another order.
  return Object.fromEntries(entries) as T;
};

/** One object in YAML, in block style where a text has several lines. */
export const yamlText = (object: unknown): string =>
  stringify(object, { ...WRITTEN_YAML, lineWidth: 0, blockQuote: "literal", aliasDuplicateObjects: false });

/** Several ConfigMaps as `kubectl get -o yaml` or `-o json` would print them: documents, or one object or List. */
export const configMapsText = (configMaps: readonly ConfigMap[], format: "yaml" | "json"): string => {
  const plain = configMaps.map(plainConfigMap);
  if (format === "yaml") return plain.map(yamlText).join("---\n");
  const [only, ...more] = plain;
  const list = { apiVersion: "v1", kind: "List", items: plain };
  return `${JSON.stringify(only !== undefined && more.length === 0 ? only : list, null, 2)}\n`;
};
