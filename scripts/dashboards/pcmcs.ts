import type { Dashboard } from "./panel.ts";
import { latencies, OF_OBJECTS, rate } from "./promql.ts";
import { job, namespace, pcmc } from "./variables.ts";

const P = "podconfigmap_controller_";
const OF_CONFIGS = `${OF_OBJECTS}, name=~"$pcmc"`;

/** What becomes of each PodConfigMapConfig. */
export const pcmcs: Dashboard = {
  uid: "pcmc-configs",
  title: "podconfigmap-controller / PodConfigMapConfigs",
  description: "Each PodConfigMapConfig: ready or not, how many ConfigMaps, and what goes on in its namespace.",
  variables: [job, namespace, pcmc],
  rows: [
    {
      title: "Objects",
      panels: [
        {
          title: "Ready",
          kind: "states",
          unit: "status",
          queries: [
            { expr: `max by (namespace, name) (${P}pcmc_status{${OF_CONFIGS}})`, legend: "{{namespace}}/{{name}}" },
          ],
          about:
            "The condition Ready. Normal: green; red for moments after a change. Stays red: kubectl describe pcmc NAME, and the runbook pcmc-not-ready.",
        },
        {
          title: "eBPF in force",
          kind: "states",
          unit: "status",
          queries: [
            {
              expr: `max by (namespace, name) (${P}pcmc_ebpf_status{${OF_CONFIGS}})`,
              legend: "{{namespace}}/{{name}}",
            },
          ],
          about:
            "The condition EbpfReady of those with ebpfConfig. Normal: green; red while new Pods start. Stays red: the condition names node, Pod and reason; the runbook pcmc-ebpf-not-in-force.",
        },
        {
          title: "ConfigMaps",
          unit: "count",
          width: 24,
          queries: [
            {
              expr: `max by (namespace, pcmc_name) (${P}active_configmaps{${OF_OBJECTS}, pcmc_name=~"$pcmc"})`,
              legend: "{{namespace}}/{{pcmc_name}}",
            },
          ],
          about:
            "Generated ConfigMaps that exist. Normal: as many as Pods are selected. Fewer: some failed, and Ready says which. They go with their Pods.",
        },
      ],
    },
    {
      title: "Their namespaces",
      panels: [
        {
          title: "Writes",
          unit: "perSecond",
          queries: [
            {
              expr: `sum by (namespace, operation, result) (${rate(`${P}configmap_operations_total`, OF_OBJECTS)})`,
              legend: "{{namespace}} {{operation}} {{result}}",
            },
          ],
          about:
            "Writes of ConfigMaps. Normal: none while no Pod changes. Updates that never end: another controller changes what we write, or a template uses what changes all the time, such as the Pod's whole status.",
        },
        {
          title: "Failures",
          unit: "perSecond",
          queries: [
            {
              expr: `sum by (namespace, resource_type, error_type) (${rate(`${P}reconciliation_errors_total`, OF_OBJECTS)})`,
              legend: "{{namespace}} {{resource_type}} {{error_type}}",
            },
          ],
          about:
            "Reconciles that did not reach what was wanted, by why. Normal: none. template and size: the object's author; quota_exceeded: the namespace's ResourceQuota; conflict: a ConfigMap of that name that is not ours.",
        },
        {
          title: "Time of one reconcile",
          unit: "seconds",
          width: 24,
          queries: latencies(`${P}reconciliation_duration_seconds`, {
            by: "namespace, resource_type",
            of: OF_OBJECTS,
            legend: "{{namespace}} {{resource_type}}",
          }),
          about:
            "Normal: milliseconds; tens of them where something is written. Seconds: the API server is slow, or a template is; see the dashboard API server and cache.",
        },
      ],
    },
  ],
};
