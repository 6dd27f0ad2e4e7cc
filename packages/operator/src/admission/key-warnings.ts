import { annotationDataKey, labelDataKey } from "../api/data-keys.ts";
import type { PodConfigMapConfigSpec } from "../api/podconfigmapconfig.ts";
import { dataOf } from "../podconfigmap/data.ts";
import { type Finding, warning } from "./finding.ts";

const present = (keys: readonly string[]) => Object.fromEntries(keys.map((key) => [key, ""]));
const copied = (keys: readonly string[], dataKey: (key: string) => string) =>
  keys.map((source) => ({ source, dataKey: dataKey(source) }));

/** The data keys that a spec gives a Pod which has all labels and annotations that it copies; templates apart. */
const defaultKeys = (spec: PodConfigMapConfigSpec): Set<string> => {
  const { labelsToInclude = [], annotationsToInclude = [], ebpfConfig } = spec;
  const data = dataOf(
    {
      name: "",
      namespace: "",
      uid: "",
      nodeName: undefined,
      phase: undefined,
      deletionTimestamp: undefined,
      labels: present(labelsToInclude),
      annotations: present(annotationsToInclude),
    },
    {
      selector: { ok: false, errors: [] },
      labels: copied(labelsToInclude, labelDataKey),
      annotations: copied(annotationsToInclude, annotationDataKey),
      templates: new Map(),
      ebpf: ebpfConfig,
    },
  );
  return new Set(Object.keys(data));
};

/** A warning for each template whose key is one of the default keys: it wins, and what users find there is another thing. */
export const replacedKeyWarnings = (spec: PodConfigMapConfigSpec): readonly Finding[] => {
  const keys = Object.keys(spec.configMapDataTemplate ?? {});
  if (keys.length === 0) return [];
  const defaults = defaultKeys(spec);
  return keys
    .filter((key) => defaults.has(key))
    .map((key) =>
      warning(
        ["spec", "configMapDataTemplate", key],
        "replaces the default key of that name: rename it, unless that is meant",
      ),
    );
};
