import { thresholds as at } from "../alerts/thresholds.ts";
import type { Dashboard } from "./panel.ts";
import { latencies, OURS, rate } from "./promql.ts";
import { instance, job } from "./variables.ts";

/** Whether it keeps up, and where time goes. */
export const queues: Dashboard = {
  uid: "pcmc-queues",
  title: "podconfigmap-controller / Queues and latency",
  description: "Work queues and controllers: what waits, what works, what fails.",
  variables: [job, instance],
  rows: [
    {
      title: "Waiting",
      panels: [
        {
          title: "Keys that wait",
          unit: "count",
          queries: [
            {
              expr: `sum by (controller, priority) (workqueue_depth{${OURS}})`,
              legend: "{{controller}}, priority {{priority}}",
            },
          ],
          about:
            "Priority 0 is what just happened, -100 what a list, a resync or a large change brought. Normal: 0, and back to 0 after a burst. Only growing: it does not keep up.",
        },
        {
          title: "Waiting longest",
          unit: "seconds",
          bad: at.oldestKeySeconds,
          queries: [{ expr: `max by (controller) (workqueue_oldest_key_seconds{${OURS}})`, legend: "{{controller}}" }],
          about:
            "How long the key has waited that was due first. Normal: 0, some seconds in a burst. Above the line: the runbook pcmc-queue-not-draining.",
        },
        {
          title: "Keys of the operator's queues",
          unit: "count",
          queries: [
            { expr: `sum by (queue_name) (podconfigmap_controller_queue_depth{${OURS}})`, legend: "{{queue_name}}" },
          ],
          about: "The same without priorities, under the operator's own name. Normal: 0.",
        },
        {
          title: "Added, and tried again",
          unit: "perSecond",
          queries: [
            { expr: `sum by (controller) (${rate("workqueue_adds_total", OURS)})`, legend: "{{controller}} added" },
            {
              expr: `sum by (controller) (${rate("workqueue_retries_total", OURS)})`,
              legend: "{{controller}} later again",
            },
          ],
          about:
            "Keys that became due, and those added with a delay: after a failure, or to be looked at again. Normal: follows what happens in the cluster. Many tries again: see Reconciles.",
        },
      ],
    },
    {
      title: "Latency",
      panels: [
        {
          title: "Time in the queue",
          unit: "seconds",
          queries: latencies("workqueue_queue_duration_seconds", {
            by: "controller",
            of: OURS,
            legend: "{{controller}}",
          }),
          about:
            "From when a key was due until a worker had it. Normal: milliseconds. Long, while work is short: more workers (CONTROLLER_POD_WORKERS=auto).",
        },
        {
          title: "Time in work",
          unit: "seconds",
          queries: latencies("workqueue_work_duration_seconds", {
            by: "controller",
            of: OURS,
            legend: "{{controller}}",
          }),
          about:
            "From when a worker had a key until it was done. Normal: milliseconds. Long: the API server, or a template; see the dashboard API server and cache.",
        },
        {
          title: "Reconciles, by controller",
          unit: "seconds",
          queries: latencies("controller_runtime_reconcile_time_seconds", {
            by: "controller",
            of: OURS,
            legend: "{{controller}}",
          }),
          about: "Time of one reconcile, without what is around it. Normal: just below Time in work.",
        },
        {
          title: "Work in progress",
          unit: "seconds",
          queries: [
            {
              expr: `max by (controller) (workqueue_longest_running_processor_seconds{${OURS}})`,
              legend: "{{controller}} longest",
            },
            { expr: `sum by (controller) (workqueue_unfinished_work_seconds{${OURS}})`, legend: "{{controller}} all" },
          ],
          about:
            "How long reconciles that have not ended have run. Normal: 0. Past CONTROLLER_RECONCILIATION_TIMEOUT (30 s) one hangs: look at the log, and report it.",
        },
      ],
    },
    {
      title: "Outcome",
      panels: [
        {
          title: "Reconciles",
          unit: "perSecond",
          stacked: true,
          queries: [
            {
              expr: `sum by (controller, result) (${rate("controller_runtime_reconcile_total", OURS)})`,
              legend: "{{controller}} {{result}}",
            },
          ],
          about: "Normal: success, and requeue_after of what is looked at again later. error: see below.",
        },
        {
          title: "Errors, of which terminal, timed out, bugs",
          unit: "perSecond",
          queries: [
            {
              expr: `sum by (controller) (${rate("controller_runtime_reconcile_errors_total", OURS)})`,
              legend: "{{controller}} all",
            },
            {
              expr: `sum by (controller) (${rate("controller_runtime_terminal_reconcile_errors_total", OURS)})`,
              legend: "{{controller}} terminal",
            },
            {
              expr: `sum by (controller) (${rate("controller_runtime_reconcile_timeouts_total", OURS)})`,
              legend: "{{controller}} timed out",
            },
            {
              expr: `sum by (controller) (${rate("controller_runtime_reconcile_panics_total", OURS)})`,
              legend: "{{controller}} bug",
            },
          ],
          about:
            "Terminal ones wait for a change of the object, the others are tried again. Normal: none. A bug: the runbook pcmc-reconcile-panics.",
        },
        {
          title: "Workers",
          unit: "count",
          width: 24,
          queries: [
            { expr: `sum by (controller) (controller_runtime_active_workers{${OURS}})`, legend: "{{controller}} busy" },
            {
              expr: `max by (controller) (controller_runtime_max_concurrent_reconciles{${OURS}})`,
              legend: "{{controller}} there are",
            },
          ],
          about: "Normal: few are busy. All busy while keys wait: more workers, or a slow API server.",
        },
      ],
    },
  ],
};
