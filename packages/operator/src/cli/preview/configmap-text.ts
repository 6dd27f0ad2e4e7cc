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

/** Puts ConfigMaps together as `kubectl get -o yaml` or `-o json` would print them, each as soon as it is there. */
export interface ConfigMapsText {
  /** What is to be printed now that `configMap` has come. */
  next(configMap: ConfigMap): string;
  /** What is to be printed when no more come. */
  end(): string;
}

/** Documents. */
export class YamlDocuments implements ConfigMapsText {
  #separator = "";

  next(configMap: ConfigMap): string {
    const text = `${this.#separator}${yamlText(plainConfigMap(configMap))}`;
    this.#separator = "---\n";
    return text;
  }

  end(): string {
    return "";
  }
}

const LIST = { apiVersion: "v1", kind: "List", items: [] };
/** How a List is indented where it holds something. */
const [LIST_HEAD, LIST_END] = ['{\n  "apiVersion": "v1",\n  "kind": "List",\n  "items": [\n', "\n  ]\n}\n"];

/** One object, or a List of several, or of none. */
export class JsonList implements ConfigMapsText {
  /** Alone, it is no List. */
  #first: string | undefined;
  #count = 0;

  next(configMap: ConfigMap): string {
    const text = JSON.stringify(plainConfigMap(configMap), null, 2);
    this.#count++;
    if (this.#count === 1) {
      this.#first = text;
      return "";
    }
    const before = this.#first === undefined ? "" : `${LIST_HEAD}${asItem(this.#first)}`;
    this.#first = undefined;
    return `${before},\n${asItem(text)}`;
  }

  end(): string {
    if (this.#count === 0) return `${JSON.stringify(LIST, null, 2)}\n`;
    return this.#first === undefined ? LIST_END : `${this.#first}\n`;
  }
}

/** Not by `^`, which also stands behind what Unicode has for ends of lines. */
const asItem = (json: string): string => `    ${json.replaceAll("\n", "\n    ")}`;
