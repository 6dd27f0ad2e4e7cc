import { type AlertGroup, ofObjects } from "./alert.ts";
import { thresholds as at } from "./thresholds.ts";

/** What is asked of the kernel. */
export const ebpf: AlertGroup = {
  name: "podconfigmap-controller.ebpf",
  alerts: [
    {
      name: "PcmcEbpfNotInForce",
      expr: `max by (job, namespace, name) (${ofObjects("podconfigmap_controller_pcmc_ebpf_status")}) == 0`,
      holds: "15m",
      severity: "warning",
      summary: "A firewall or counter that is asked for is not in force on all Pods.",
      description:
        "EbpfReady of PodConfigMapConfig {{ $labels.namespace }}/{{ $labels.name }} has not been True for 15 minutes. The condition names nodes, Pods and reasons.",
    },
    {
      name: "PcmcEbpfErrors",
      expr: `sum by (job, namespace, pod_name, program_type, error_type) (increase(podconfigmap_controller_ebpf_program_errors_total[15m])) > ${at.ebpfErrors}`,
      holds: "10m",
      severity: "warning",
      summary: "A program cannot be attached for a Pod.",
      description:
        "{{ $labels.program_type }} of Pod {{ $labels.namespace }}/{{ $labels.pod_name }} has failed {{ $value | humanize }} times in 15 minutes: {{ $labels.error_type }}.",
    },
    {
      name: "PcmcEbpfCountersStale",
      expr: `max by (job, node) (podconfigmap_controller_ebpf_reading_lateness_seconds) > ${at.readingLatenessSeconds}`,
      holds: "5m",
      severity: "warning",
      summary: "Counters of Pods stand still because they are not read.",
      description:
        "The agent of node {{ $labels.node }} is {{ $value | humanizeDuration }} late with reading counters: what it exports is old. The kernel goes on counting.",
    },
  ],
};
