import { thresholds as at } from "../alerts/thresholds.ts";
import type { Dashboard } from "./panel.ts";
import { latencies, OURS, rate } from "./promql.ts";
import { instance, job } from "./variables.ts";

const W = "controller_runtime_webhook";

/** Admission: what others wait for. */
export const webhooks: Dashboard = {
  uid: "pcmc-webhooks",
  title: "podconfigmap-controller / Webhooks",
  description: "Validation and injection: how often, how fast, with what outcome, and how long the certificate holds.",
  variables: [job, instance],
  rows: [
    {
      title: "Requests",
      panels: [
        {
          title: "By webhook and status",
          unit: "requests",
          stacked: true,
          queries: [
            { expr: `sum by (webhook, code) (${rate(`${W}_requests_total`, OURS)})`, legend: "{{webhook}} {{code}}" },
          ],
          about:
            "A refusal is a 200 too. Normal: as often as Pods are made and our objects are written. aborted: the API server did not wait; 500: a bug, the log has it. The runbook pcmc-webhook-errors.",
        },
        {
          title: "Latency",
          unit: "seconds",
          bad: at.webhookSeconds,
          queries: latencies(`${W}_latency_seconds`, { by: "webhook", of: OURS, legend: "{{webhook}}" }),
          about:
            "Normal: some milliseconds; validation asks the API server about rights. The API server waits for 3 s (injection) or 5 s, then goes on without. Above the line: the runbook pcmc-webhook-slow.",
        },
        {
          title: "In progress",
          unit: "count",
          queries: [{ expr: `sum by (webhook) (${W}_requests_in_flight{${OURS}})`, legend: "{{webhook}}" }],
          about: "Normal: 0 or 1. Many: they wait for CPU, or for the API server.",
        },
        {
          title: "Bugs",
          unit: "perSecond",
          queries: [{ expr: `sum by (webhook) (${rate(`${W}_panics_total`, OURS)})`, legend: "{{webhook}}" }],
          about:
            "Handlers that threw what nobody meant to throw. Normal: none, ever. The log has the stack; report it.",
        },
        {
          title: "Injections",
          unit: "perSecond",
          width: 24,
          queries: [
            {
              expr: `sum by (result) (${rate("podconfigmap_controller_watcher_injections_total", OURS)})`,
              legend: "{{result}}",
            },
          ],
          about:
            "Watchers that Pods asked for, by result. Normal: injected. not_ready, not_found, conflicts: Events of the Pods and the Watcher's status say which.",
        },
      ],
    },
    {
      title: "Certificates",
      panels: [
        {
          title: "Holds for",
          unit: "seconds",
          queries: [
            {
              expr: `${W}_certificate_expiration_timestamp_seconds{${OURS}} - time()`,
              legend: "{{instance}} {{certificate}}",
            },
          ],
          about:
            "Until it expires. Normal: between 30 and 90 days for the serving one, as it is renewed by itself. Below 14 days: the runbook pcmc-webhook-certificate-expiring.",
        },
        {
          title: "Renewed, and failed to",
          unit: "perSecond",
          queries: [
            {
              expr: `sum by (certificate) (${rate(`${W}_certificate_rotations_total`, OURS)})`,
              legend: "{{certificate}} renewed",
            },
            {
              expr: `sum by (operation) (${rate(`${W}_certificate_errors_total`, OURS)})`,
              legend: "{{operation}} failed",
            },
          ],
          about:
            "Normal: a renewal each two months, no failure. Failures: the Secret cannot be read or written; the log says why.",
        },
      ],
    },
  ],
};
