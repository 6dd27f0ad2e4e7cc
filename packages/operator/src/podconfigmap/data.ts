import type { EbpfConfig } from "../api/ebpf-config.ts";
import type { CopiedKey, ParsedSpec } from "./config.ts";
import type { Labels } from "./selector.ts";
import type { PodView } from "./views.ts";

/** What the API server takes: the bytes of all values; keys do not count. Source: Kubernetes' `ValidateConfigMap`. */
export const MAX_DATA_BYTES = 1_048_576;

/** Data of a ConfigMap. `__proto__` is a valid data key: an object that has it has no prototype. */
export type Data = Readonly<Record<string, string>>;

/** The data of one Pod under one spec; what is `rendered` wins over default keys of the same name. */
export const dataOf = (pod: PodView, spec: ParsedSpec, rendered: Data = {}): Data => {
  // Only templates can bring that key; and without a prototype everything that is done with the object is slower.
  const data: Record<string, string> = Object.hasOwn(rendered, "__proto__") ? Object.create(null) : {};
  return Object.assign(
    data,
    { podName: pod.name, namespace: pod.namespace, nodeName: pod.nodeName ?? "", phase: pod.phase ?? "" },
    copied(spec.labels, pod.labels),
    copied(spec.annotations, pod.annotations),
    ebpfData(spec.ebpf),
    rendered,
  );
};

/** The bytes of all values in UTF-8. */
export const sizeOf = (data: Data): number =>
  Object.values(data).reduce((bytes, value) => bytes + Buffer.byteLength(value), 0);

/** Whether `data` fits into a ConfigMap. A character has at most three bytes of UTF-8, so most data need no exact count. */
export const fits = (data: Data): boolean => {
  let characters = 0;
  for (const key in data) characters += data[key]?.length ?? 0;
  return characters * 3 <= MAX_DATA_BYTES || sizeOf(data) <= MAX_DATA_BYTES;
};

const copied = (keys: readonly CopiedKey[], from: Labels = {}): Data => {
  const data: Record<string, string> = {};
  for (const { source, dataKey } of keys) {
    const value = Object.hasOwn(from, source) ? from[source] : undefined;
    if (value !== undefined) data[dataKey] = value;
  }
  return data;
};

const ebpfData = (config: EbpfConfig | undefined): Data => {
  if (config === undefined) return { ebpf_enabled: "false" };
  const { syscallMonitoring, l4Firewall, metricsExport } = config;
  return {
    ebpf_enabled: "true",
    ...(syscallMonitoring && { ebpf_syscall_monitoring: enabled(syscallMonitoring) }),
    ...(l4Firewall && {
      ebpf_l4_firewall: enabled(l4Firewall),
      ebpf_l4_firewall_default_action: l4Firewall.defaultAction ?? "allow",
    }),
    ...(metricsExport && { ebpf_metrics_export: enabled(metricsExport) }),
  };
};

const enabled = (section: { readonly enabled?: boolean }): string => String(section.enabled ?? false);
