import { type AlertGroup, INSTALLATION, ofObjects, ours } from "./alert.ts";
import { thresholds as at } from "./thresholds.ts";

const reconciles = (metric: string, window: string) =>
  `sum by (${INSTALLATION}, controller) (${ours(`increase(controller_runtime_reconcile_${metric}[${window}])`)})`;

/** Whether what is there to do is done. */
export const work: AlertGroup = {
  name: "podconfigmap-controller.work",
  alerts: [
    {
      name: "PcmcNotReady",
      // The leader tells it; for a moment after a change of leaders, two do.
      expr: `max by (job, namespace, name) (${ofObjects("podconfigmap_controller_pcmc_status")}) == 0`,
      holds: "15m",
      severity: "warning",
      summary: "A PodConfigMapConfig is not ready.",
      description:
        "PodConfigMapConfig {{ $labels.namespace }}/{{ $labels.name }} has not been Ready for 15 minutes: some of its Pods have no ConfigMap, or an old one. Its condition says why.",
    },
    {
      name: "PcmcReconcileErrors",
      expr: `${reconciles("errors_total", "10m")} / ${reconciles("total", "10m")} > ${at.reconcileErrorRatio} and ${reconciles("errors_total", "10m")} > ${at.reconcileErrors}`,
      holds: "15m",
      severity: "warning",
      summary: "Many reconciles fail.",
      description:
        "{{ $value | humanizePercentage }} of the reconciles of controller {{ $labels.controller }} ({{ $labels.job }}) have failed in the last 10 minutes.",
    },
    {
      name: "PcmcPermissionMissing",
      // No reconcile fails by it, and no status may say so: a permission is waited for.
      expr: `sum by (job, namespace, resource_type) (increase(podconfigmap_controller_reconciliation_errors_total{error_type="forbidden"}[10m])) > ${at.refusals}`,
      holds: "15m",
      severity: "warning",
      summary: "The operator lacks a permission to write.",
      description:
        "{{ $value | humanize }} writes for {{ $labels.resource_type }} in namespace {{ $labels.namespace }} have been refused in 10 minutes: they wait for the permission, and no status need say so.",
    },
    {
      name: "PcmcReconcilePanics",
      expr: `${reconciles("panics_total", "15m")} > 0`,
      severity: "warning",
      summary: "A reconcile failed by a bug.",
      description:
        "{{ $value | humanize }} reconciles of controller {{ $labels.controller }} ({{ $labels.job }}) have thrown what nobody meant to throw. They are tried again; please report it.",
    },
    {
      name: "PcmcQueueNotDraining",
      expr: `max by (${INSTALLATION}, controller) (${ours("workqueue_oldest_key_seconds")}) > ${at.oldestKeySeconds}`,
      holds: "10m",
      severity: "warning",
      summary: "A work queue does not drain.",
      description:
        "The oldest key in the queue {{ $labels.controller }} of {{ $labels.job }} has waited for {{ $value | humanizeDuration }}: changes take effect that much later.",
    },
    {
      name: "PcmcWatcherNotReady",
      expr: `max by (job, namespace, name) (${ofObjects("podconfigmap_controller_watcher_status")}) == 0`,
      holds: "15m",
      severity: "warning",
      summary: "A Watcher is not ready.",
      description:
        "Watcher {{ $labels.namespace }}/{{ $labels.name }} has not been Ready for 15 minutes: no new Pod gets its sidecar. Its condition says why.",
    },
    {
      name: "PcmcWatcherMissedPods",
      expr: `max by (job, namespace, name) (${ofObjects('podconfigmap_controller_watcher_pods{state="missed"}')}) > 0`,
      holds: "30m",
      severity: "warning",
      summary: "Pods run without the sidecar that they ask for.",
      description:
        "{{ $value }} Pods ask for Watcher {{ $labels.namespace }}/{{ $labels.name }} and have been without it for 30 minutes. A container can only be added to a Pod when it is made.",
    },
    {
      name: "PcmcPodLogReaderErrors",
      expr: `sum by (${INSTALLATION}, operation, resource) (increase(podconfigmap_controller_podlogreader_operations_total{result="error"}[15m])) > ${at.podLogReaderErrors}`,
      holds: "15m",
      severity: "warning",
      summary: "Log readers' Roles cannot be written.",
      description:
        "{{ $value | humanize }} writes ({{ $labels.operation }} {{ $labels.resource }}) have failed in 15 minutes: readers see logs of Pods that are gone from their Role too late, or not those of new ones.",
    },
  ],
};
