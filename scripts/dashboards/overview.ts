import { thresholds as at } from "../alerts/thresholds.ts";
import type { Dashboard } from "./panel.ts";
import { OURS, quantile, rate } from "./promql.ts";
import { instance, job } from "./variables.ts";

const P = "podconfigmap_controller_";

/** All on one page: is it well, and if not, which of the other dashboards tells more. */
export const overview: Dashboard = {
  uid: "pcmc-overview",
  title: "podconfigmap-controller / Overview",
  description: "Whether the operator is well. The link at the top leads to the dashboards of its parts.",
  variables: [job, instance],
  rows: [
    {
      title: "Is it well?",
      panels: [
        {
          title: "Managers",
          kind: "number",
          unit: "count",
          atLeast: 1,
          queries: [{ expr: `count(${P}build_info{${OURS}, role=~"manager|all"}) or vector(0)`, legend: "managers" }],
          about:
            "Replicas of the manager that answer Prometheus. Normal: as many as are asked for, 2 by default. None: see the runbook pcmc-manager-absent.",
        },
        {
          title: "Leaders",
          kind: "number",
          unit: "count",
          atLeast: 1,
          queries: [{ expr: `sum(${P}leader_election_status{${OURS}})`, legend: "leaders" }],
          about:
            "Normal: 1 for each installation; no value where leader election is off. 0 for longer than a minute: the runbook pcmc-no-leader; more: pcmc-two-leaders.",
        },
        {
          title: "PodConfigMapConfigs not ready",
          kind: "number",
          unit: "count",
          bad: 1,
          queries: [
            {
              expr: `count(max by (namespace, name) (${P}pcmc_status{${OURS}}) == 0) or vector(0)`,
              legend: "not ready",
            },
          ],
          about:
            "Normal: 0. Else the dashboard PodConfigMapConfigs shows which, and the condition Ready of each says why.",
        },
        {
          title: "Pods without their sidecar",
          kind: "number",
          unit: "count",
          bad: 1,
          queries: [
            {
              expr: `sum(max by (namespace, name) (${P}watcher_pods{${OURS}, state="missed"})) or vector(0)`,
              legend: "missed",
            },
          ],
          about:
            "Pods that ask for a Watcher and have been made without it. Normal: 0. They have to be made anew; the dashboard Watchers shows which Watcher.",
        },
        {
          title: "Agents not ready",
          kind: "number",
          unit: "count",
          bad: 1,
          queries: [{ expr: `count(${P}ebpf_agent_ready{${OURS}} == 0) or vector(0)`, legend: "not ready" }],
          about:
            "Node agents that have no hold of their kernel, or may not report. Normal: 0. Ask the agent: its /readyz and its log say why.",
        },
        {
          title: "ConfigMaps kept",
          kind: "number",
          unit: "count",
          queries: [
            {
              expr: `sum(max by (namespace, pcmc_name) (${P}active_configmaps{${OURS}})) or vector(0)`,
              legend: "ConfigMaps",
            },
          ],
          about:
            "Generated ConfigMaps that exist. Normal: one for each selected Pod and PodConfigMapConfig. A sudden drop: look at Pods and at deletions.",
        },
      ],
    },
    {
      title: "Work",
      panels: [
        {
          title: "Writes of ConfigMaps",
          unit: "perSecond",
          stacked: true,
          queries: [
            {
              expr: `sum by (operation, result) (${rate(`${P}configmap_operations_total`, OURS)})`,
              legend: "{{operation}} {{result}}",
            },
          ],
          about:
            "Creates, updates and deletes by result. Normal: as much as Pods come, change and go; a converged cluster has none. Updates without end: something else writes the same objects. Errors: see their reasons on the dashboard Queues.",
        },
        {
          title: "From an event to the end of its work, 99 of 100",
          unit: "seconds",
          bad: at.oldestKeySeconds,
          queries: [
            {
              expr: `${quantile(0.99, "workqueue_queue_duration_seconds", { by: "name", of: OURS })} + ${quantile(0.99, "workqueue_work_duration_seconds", { by: "name", of: OURS })}`,
              legend: "{{name}}",
            },
          ],
          about:
            "Time in the queue and in work together. Normal: well below a second; seconds when a spec changes that many Pods have. Longer: the dashboard Queues tells whether it waits or works.",
        },
        {
          title: "Reconciles that fail",
          unit: "perSecond",
          queries: [
            {
              expr: `sum by (resource_type, error_type) (${rate(`${P}reconciliation_errors_total`, OURS)})`,
              legend: "{{resource_type}} {{error_type}}",
            },
          ],
          about:
            "By what was reconciled and why it failed. Normal: none but a conflict now and then. forbidden: a permission is missing, see the runbook pcmc-permission-missing; template, size: a user's object, whose condition says more; connection, timeout: the API server.",
        },
        {
          title: "Requests to the API server",
          unit: "requests",
          stacked: true,
          queries: [{ expr: `sum by (code) (${rate("rest_client_requests_total", OURS)})`, legend: "{{code}}" }],
          about:
            "By HTTP status; <error> is no answer. Normal: 1 or 2 a second while nothing happens (the Lease), and 2xx. See the dashboard API server and cache.",
        },
      ],
    },
    {
      title: "Processes",
      panels: [
        {
          title: "Memory",
          unit: "bytes",
          queries: [{ expr: `process_resident_memory_bytes{${OURS}}`, legend: "{{instance}}" }],
          about:
            "Resident memory of each process. Normal: some 80 MB, and 10 MB for each 1,000 Pods; flat. Growth without end is a leak: report it with a heap snapshot.",
        },
        {
          title: "Event loop's lag, 99 of 100",
          unit: "seconds",
          bad: at.eventLoopLagSeconds,
          queries: [{ expr: `nodejs_eventloop_lag_p99_seconds{${OURS}}`, legend: "{{instance}}" }],
          about:
            "How late the one thread comes. Normal: some milliseconds. Above the line it is short of CPU: raise the CPU request, or the limit where there is one.",
        },
      ],
    },
  ],
};
