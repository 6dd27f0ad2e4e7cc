import { type AlertGroup, ours } from "./alert.ts";
import { thresholds as at } from "./thresholds.ts";

/** What each process needs to live; managers and agents. */
export const processes: AlertGroup = {
  name: "podconfigmap-controller.process",
  alerts: [
    {
      name: "PcmcEventLoopBlocked",
      expr: ours(`nodejs_eventloop_lag_p99_seconds > ${at.eventLoopLagSeconds}`),
      holds: "10m",
      severity: "warning",
      summary: "A process has no time left.",
      description:
        "The thread of {{ $labels.instance }} comes {{ $value | humanizeDuration }} late: it is short of CPU, or busy with something long. Leases are renewed and webhooks answered by the same thread.",
    },
    {
      name: "PcmcMemoryNearLimit",
      expr: ours(`process_resident_memory_bytes / process_memory_limit_bytes > ${at.memoryRatio}`),
      holds: "10m",
      severity: "warning",
      summary: "A process is about to be killed for its memory.",
      description: "{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory limit.",
    },
  ],
};
