import type { Dashboard } from "./panel.ts";
import { latencies, OF_OBJECTS, rate } from "./promql.ts";
import { job, namespace, watcher } from "./variables.ts";

const P = "podconfigmap_controller_";
const OF_WATCHERS = `${OF_OBJECTS}, name=~"$watcher"`;
const pods = (state: string) => ({
  expr: `max by (namespace, name) (${P}watcher_pods{${OF_WATCHERS}, state="${state}"})`,
  legend: "{{namespace}}/{{name}}",
});

/** Sidecars: who has them, who should. */
export const watchers: Dashboard = {
  uid: "pcmc-watchers",
  title: "podconfigmap-controller / Watchers",
  description: "Each Watcher: ready or not, and the Pods that have its sidecar, have an old one, or have none.",
  variables: [job, namespace, watcher],
  rows: [
    {
      title: "Watchers",
      panels: [
        {
          title: "Ready",
          kind: "states",
          unit: "status",
          queries: [
            { expr: `max by (namespace, name) (${P}watcher_status{${OF_WATCHERS}})`, legend: "{{namespace}}/{{name}}" },
          ],
          about:
            "Only a Watcher that is ready injects. Normal: green. Red: its conditions say why; the runbook pcmc-watcher-not-ready.",
        },
        {
          title: "Pods without it",
          unit: "count",
          queries: [pods("missed")],
          about:
            "Pods that ask for the Watcher and were made without it. Normal: 0. status.missedPods names ten with reasons; the runbook pcmc-watcher-missed-pods.",
        },
        {
          title: "Pods with it",
          unit: "count",
          queries: [pods("injected")],
          about: "Pods that have the sidecar, as it is now or as it was. Normal: all that ask for it.",
        },
        {
          title: "Pods with an old one",
          unit: "count",
          queries: [pods("outdated")],
          about:
            "Injected before the Watcher last changed. Normal: 0, or until the workloads are next rolled out; with rollout: OnChange that is done for you.",
        },
      ],
    },
    {
      title: "What is done",
      panels: [
        {
          title: "Injections",
          unit: "perSecond",
          stacked: true,
          queries: [
            { expr: `sum by (result) (${rate(`${P}watcher_injections_total`, 'job=~"$job"')})`, legend: "{{result}}" },
          ],
          about: "Of all namespaces, by result, as Pods are made. Normal: injected.",
        },
        {
          title: "Workloads restarted",
          unit: "perSecond",
          queries: [
            {
              expr: `sum by (namespace, result) (${rate(`${P}watcher_restarts_total`, OF_OBJECTS)})`,
              legend: "{{namespace}} {{result}}",
            },
          ],
          about:
            "For rollout: OnChange, each workload once after a change. Normal: none between changes. error: we may not patch it, or its namespace refuses.",
        },
        {
          title: "Time of one reconcile",
          unit: "seconds",
          width: 24,
          queries: latencies(`${P}reconciliation_duration_seconds`, {
            by: "namespace",
            of: `${OF_OBJECTS}, resource_type="watcher"`,
            legend: "{{namespace}}",
          }),
          about: "Normal: milliseconds, tens of them where something is written.",
        },
      ],
    },
  ],
};
