import { thresholds as at } from "../alerts/thresholds.ts";
import type { Dashboard } from "./panel.ts";
import { latencies, OURS, rate } from "./promql.ts";
import { instance, job } from "./variables.ts";

const requests = (selector: string) => `sum by (job) (${rate("rest_client_requests_total", selector)})`;

/** What we ask of the API server, and what we know from it. */
export const api: Dashboard = {
  uid: "pcmc-api",
  title: "podconfigmap-controller / API server and cache",
  description: "Requests to the API server, and the watches and caches that it fills.",
  variables: [job, instance],
  rows: [
    {
      title: "Requests",
      panels: [
        {
          title: "By method and status",
          unit: "requests",
          stacked: true,
          queries: [
            {
              expr: `sum by (method, code) (${rate("rest_client_requests_total", OURS)})`,
              legend: "{{method}} {{code}}",
            },
          ],
          about:
            "Each try on its own, watches too. Normal: while nothing happens 1 or 2 a second for the Lease. 409 is a conflict, read again and mended; 403 a missing permission; <error> no answer.",
        },
        {
          title: "Failed",
          unit: "ratio",
          bad: at.apiErrorRatio,
          queries: [
            {
              // A code that was never answered has no series, and what is divided by it would be none either.
              expr: `(${requests(`${OURS}, code=~"5..|<error>"`)} or 0 * ${requests(OURS)}) / ${requests(OURS)}`,
              legend: "{{job}}",
            },
          ],
          about:
            "Of all requests those that come to a 5xx or to nothing. Normal: 0. Above the line: the runbook pcmc-api-errors.",
        },
        {
          title: "Latency",
          unit: "seconds",
          queries: latencies("rest_client_request_duration_seconds", { by: "verb", of: OURS, legend: "{{verb}}" }),
          about:
            "Time of one try; of a watch until it was open. Normal: some milliseconds, lists of a large cluster up to seconds. All of it slow: the API server or its etcd.",
        },
        {
          title: "Tries again, and turned away",
          unit: "perSecond",
          bad: at.apiThrottledPerSecond,
          queries: [
            {
              expr: `sum by (code) (${rate("rest_client_request_retries_total", OURS)})`,
              legend: "again after {{code}}",
            },
            { expr: `sum(${rate("rest_client_requests_total", `${OURS}, code="429"`)})`, legend: "429" },
          ],
          about: "Normal: none. 429: priority and fairness holds us back; the runbook pcmc-api-throttled.",
        },
      ],
    },
    {
      title: "Watches",
      panels: [
        {
          title: "Behind our own writes",
          unit: "seconds",
          queries: latencies("informer_watch_lag_seconds", { by: "resource", of: OURS, legend: "{{resource}}" }),
          about:
            "From the answer to a write of ours until the watch had told of it. Normal: some milliseconds. Nothing is shown while nothing is written.",
        },
        {
          title: "Silent since",
          unit: "seconds",
          bad: at.watchSilenceSeconds,
          queries: [{ expr: `max by (resource) (informer_last_event_age_seconds{${OURS}})`, legend: "{{resource}}" }],
          about:
            "Since the watch last told anything. Normal: at most 60 s, as bookmarks come each minute. At 150 s we open another. Above the line: the runbook pcmc-watch-silent.",
        },
        {
          title: "Watches that ended",
          unit: "perSecond",
          queries: [
            {
              expr: `sum by (resource, reason) (${rate("reflector_watch_restarts_total", OURS)})`,
              legend: "{{resource}} {{reason}}",
            },
          ],
          about:
            "Normal: ended, each 5 to 10 minutes, as we ask for. error, expired or silent again and again: the runbook pcmc-watch-restarts.",
        },
        {
          title: "Not in step",
          kind: "states",
          unit: "status",
          queries: [
            { expr: `min by (instance, resource) (informer_synced{${OURS}})`, legend: "{{instance}} {{resource}}" },
          ],
          about:
            "Green once a complete list has been taken. Red: not yet, or a namespace that we may not read; the runbook pcmc-cache-not-synced.",
        },
        {
          title: "Objects in the cache",
          unit: "count",
          queries: [
            { expr: `sum by (instance, resource) (informer_objects{${OURS}})`, legend: "{{instance}} {{resource}}" },
          ],
          about: "Normal: what the cluster has; the same in each replica. Memory follows it.",
        },
        {
          title: "Events",
          unit: "perSecond",
          queries: [
            { expr: `sum by (type) (${rate("event_recorder_recorded_total", OURS)})`, legend: "{{type}} recorded" },
            { expr: `sum by (reason) (${rate("event_recorder_dropped_total", OURS)})`, legend: "dropped: {{reason}}" },
            { expr: `sum by (operation) (${rate("event_recorder_writes_total", OURS)})`, legend: "{{operation}}" },
          ],
          about:
            "Events that we recorded, that were dropped, and the requests for them. Normal: next to none. Dropped: more than what one object may have; what they were about is in conditions too.",
        },
      ],
    },
  ],
};
