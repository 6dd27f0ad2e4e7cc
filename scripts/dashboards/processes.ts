import { thresholds as at } from "../alerts/thresholds.ts";
import type { Dashboard } from "./panel.ts";
import { OURS, quantile, rate } from "./promql.ts";
import { instance, job } from "./variables.ts";

/** Who leads, and how the processes fare. */
export const processes: Dashboard = {
  uid: "pcmc-processes",
  title: "podconfigmap-controller / Leader and processes",
  description: "Leader election, and what each process of manager and agents uses.",
  variables: [job, instance],
  rows: [
    {
      title: "Leader",
      panels: [
        {
          title: "Who leads",
          kind: "states",
          unit: "status",
          queries: [
            { expr: `podconfigmap_controller_leader_election_status{${OURS}}`, legend: "{{instance}} {{name}}" },
          ],
          about: "Normal: one green bar at any time; a change at each rollout. None: the runbook pcmc-no-leader.",
        },
        {
          title: "Versions",
          kind: "lines",
          unit: "count",
          stacked: true,
          queries: [
            {
              expr: `count by (role, version) (podconfigmap_controller_build_info{${OURS}})`,
              legend: "{{role}} {{version}}",
            },
          ],
          about: "Processes by what they are and of which version. Normal: one version, two during an upgrade.",
        },
        {
          title: "Leases",
          unit: "count",
          queries: [{ expr: `sum by (name) (leader_election_master_status{${OURS}})`, legend: "{{name}}" }],
          about: "client-go's name for the same: replicas that hold the Lease. Normal: 1.",
        },
        {
          title: "Renewals that had to read first",
          unit: "perSecond",
          queries: [{ expr: `sum by (name) (${rate("leader_election_slowpath_total", OURS)})`, legend: "{{name}}" }],
          about: "Normal: none but at a change of leaders. Many: somebody else writes the Lease.",
        },
      ],
    },
    {
      title: "Processes",
      panels: [
        {
          title: "CPU",
          unit: "ratio",
          queries: [{ expr: rate("process_cpu_seconds_total", OURS), legend: "{{instance}}" }],
          about:
            "Of one core. Normal: about 1 % while nothing happens. A manager has one thread for its work: near 100 % it is full.",
        },
        {
          title: "Memory, of the limit",
          unit: "ratio",
          bad: at.memoryRatio,
          queries: [
            {
              expr: `process_resident_memory_bytes{${OURS}} / process_memory_limit_bytes{${OURS}}`,
              legend: "{{instance}}",
            },
          ],
          about:
            "Normal: below 70 %. Above the line: the runbook pcmc-memory-near-limit. Nothing is shown of processes without a limit.",
        },
        {
          title: "Memory",
          unit: "bytes",
          queries: [
            { expr: `process_resident_memory_bytes{${OURS}}`, legend: "{{instance}} resident" },
            { expr: `nodejs_heap_size_used_bytes{${OURS}}`, legend: "{{instance}} JavaScript heap" },
            { expr: `nodejs_external_memory_bytes{${OURS}}`, legend: "{{instance}} buffers, WebAssembly" },
          ],
          about:
            "Normal: grows with the number of Pods, then flat. An agent's maps are the kernel's, and not in here: see the container's working set.",
        },
        {
          title: "Event loop's lag",
          unit: "seconds",
          bad: at.eventLoopLagSeconds,
          queries: [
            { expr: `nodejs_eventloop_lag_p99_seconds{${OURS}}`, legend: "{{instance}} 99 of 100" },
            { expr: `nodejs_eventloop_lag_max_seconds{${OURS}}`, legend: "{{instance}} longest" },
          ],
          about:
            "How late the one thread came since the scrape before. Normal: milliseconds. Above the line: the runbook pcmc-event-loop-blocked.",
        },
        {
          title: "Garbage collection, 99 of 100",
          unit: "seconds",
          queries: [
            {
              expr: quantile(0.99, "nodejs_gc_duration_seconds", { by: "instance, kind", of: OURS }),
              legend: "{{instance}} {{kind}}",
            },
          ],
          about: "Pauses. Normal: milliseconds; major ones some tens. Longer: the heap is near its limit.",
        },
        {
          title: "Open files and sockets",
          unit: "count",
          queries: [{ expr: `process_open_fds{${OURS}}`, legend: "{{instance}}" }],
          about: "Normal: some dozens in a manager; in an agent a few for each Pod. Growth without end: report it.",
        },
        {
          title: "Up since",
          unit: "seconds",
          width: 24,
          queries: [{ expr: `time() - process_start_time_seconds{${OURS}}`, legend: "{{instance}}" }],
          about: "Normal: grows. Falls back to 0: it was started anew; kubectl describe pod says why.",
        },
      ],
    },
  ],
};
