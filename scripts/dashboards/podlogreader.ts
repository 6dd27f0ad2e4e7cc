import type { Dashboard } from "./panel.ts";
import { latencies, OF_OBJECTS, rate } from "./promql.ts";
import { job, namespace } from "./variables.ts";

const P = "podconfigmap_controller_";
const OF_ROLES = `${OF_OBJECTS}, resource_type="podlogreader"`;

/** Roles that follow Pods. */
export const podLogReader: Dashboard = {
  uid: "pcmc-podlogreader",
  title: "podconfigmap-controller / podlogreader",
  description: "The Roles that let people read the logs of a Deployment's Pods, and how fast they follow.",
  variables: [job, namespace],
  rows: [
    {
      title: "Roles",
      panels: [
        {
          title: "Roles",
          unit: "count",
          queries: [{ expr: `max by (namespace) (${P}podlogreader_roles{${OF_OBJECTS}})`, legend: "{{namespace}}" }],
          about:
            "Roles that exist for Deployments with the label podlogreader-affiliate. Normal: one for each. Fewer: see Failures.",
        },
        {
          title: "Writes",
          unit: "perSecond",
          stacked: true,
          queries: [
            {
              expr: `sum by (operation, resource, result) (${rate(`${P}podlogreader_operations_total`, 'job=~"$job"')})`,
              legend: "{{operation}} {{resource}} {{result}}",
            },
          ],
          about:
            "Of all namespaces. Normal: at most one in 5 s for a Deployment that is rolling, and none without changes of Pods. error: the runbook pcmc-pod-log-reader-errors.",
        },
        {
          title: "Failures",
          unit: "perSecond",
          queries: [
            {
              expr: `sum by (namespace, error_type) (${rate(`${P}reconciliation_errors_total`, OF_ROLES)})`,
              legend: "{{namespace}} {{error_type}}",
            },
          ],
          about:
            "Normal: none. permission_not_held: we cannot grant what we do not hold ourselves; forbidden: our own Role is missing something.",
        },
        {
          title: "Time of one reconcile",
          unit: "seconds",
          queries: latencies(`${P}reconciliation_duration_seconds`, {
            by: "namespace",
            of: OF_ROLES,
            legend: "{{namespace}}",
          }),
          about: "Normal: milliseconds; a Role follows its Pods within a second.",
        },
        {
          title: "Waiting longest",
          unit: "seconds",
          width: 24,
          queries: [
            {
              expr: 'max by (job) (workqueue_oldest_key_seconds{job=~"$job", controller="podlogreader"})',
              legend: "{{job}}",
            },
          ],
          about: "Normal: 0; up to 5 s for a Deployment that is rolling, whose writes are gathered.",
        },
      ],
    },
  ],
};
