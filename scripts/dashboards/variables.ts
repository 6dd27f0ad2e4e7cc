import type { Variable } from "./panel.ts";

/** Any value that a label may have, none too: metrics of what is not in a namespace have no such label. */
const ANY = ".*";

/** Our scrape jobs, of managers and agents: metrics such as `process_*` are many programs'. */
export const job: Variable = {
  name: "job",
  label: "Job",
  query: "label_values(podconfigmap_controller_build_info, job)",
};

/** Replicas and agents. */
export const instance: Variable = {
  name: "instance",
  label: "Process",
  query: 'label_values(podconfigmap_controller_build_info{job=~"$job"}, instance)',
};

/** Names found in a metric; those of namespaces and of objects are chosen by the same labels everywhere. */
const named = (name: string, label: string, { metric, of }: { metric: string; of: string }): Variable => ({
  name,
  label,
  query: `label_values(podconfigmap_controller_${metric}, ${of})`,
  all: ANY,
});

export const namespace = named("namespace", "Namespace", {
  metric: 'reconciliation_duration_seconds_count{job=~"$job"}',
  of: "namespace",
});

export const pcmc = named("pcmc", "PodConfigMapConfig", {
  metric: 'pcmc_status{job=~"$job", namespace=~"$namespace"}',
  of: "name",
});

export const watcher = named("watcher", "Watcher", {
  metric: 'watcher_status{job=~"$job", namespace=~"$namespace"}',
  of: "name",
});

/** Agents know namespaces by the Pods of their nodes. */
export const ebpfNamespace = named("namespace", "Namespace", {
  metric: 'ebpf_attached_programs{job=~"$job"}',
  of: "namespace",
});

export const pod = named("pod", "Pod", {
  metric: 'ebpf_attached_programs{job=~"$job", namespace=~"$namespace"}',
  of: "pod_name",
});

export const node = named("node", "Node", { metric: 'ebpf_agent_ready{job=~"$job"}', of: "node" });
