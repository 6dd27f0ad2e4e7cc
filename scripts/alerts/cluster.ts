import { type AlertGroup, INSTALLATION, ours } from "./alert.ts";
import { thresholds as at } from "./thresholds.ts";

const requests = (selector: string) =>
  `sum by (${INSTALLATION}) (${ours(`rate(rest_client_requests_total${selector}[5m])`)})`;
const webhookRequests = (selector: string) =>
  `sum by (${INSTALLATION}, webhook) (${ours(`increase(controller_runtime_webhook_requests_total${selector}[10m])`)})`;
/** Of the API server, which alone knows of calls that do not reach us. */
const FAILED_OPEN = `apiserver_admission_webhook_fail_open_count{name=~"(validate|inject)\\\\..*(podconfig|watch)\\\\.example\\\\.com"}`;
const FAILED = '{code=~"5..|<error>"}';

/** Between us and the API server: what we read and write, and what it asks of us. */
export const cluster: AlertGroup = {
  name: "podconfigmap-controller.cluster",
  alerts: [
    {
      name: "PcmcCacheNotSynced",
      expr: `min by (${INSTALLATION}, instance, resource) (${ours("informer_synced")}) == 0`,
      holds: "15m",
      severity: "warning",
      summary: "A resource cannot be read.",
      description:
        "{{ $labels.instance }} has no complete list of {{ $labels.resource }}{{ with $labels.namespace }} ({{ . }}){{ end }} for 15 minutes: what depends on it waits.",
    },
    {
      name: "PcmcWatchSilent",
      expr: `max by (${INSTALLATION}, instance, resource) (${ours("informer_last_event_age_seconds")}) > ${at.watchSilenceSeconds}`,
      holds: "5m",
      severity: "warning",
      summary: "A watch has gone silent.",
      description:
        "{{ $labels.instance }} has heard nothing of {{ $labels.resource }} for {{ $value | humanizeDuration }}, although bookmarks come each minute: it works with an old state.",
    },
    {
      name: "PcmcWatchRestarts",
      expr: `sum by (${INSTALLATION}, instance, resource) (${ours('increase(reflector_watch_restarts_total{reason!="ended"}[10m])')}) > ${at.watchRestarts}`,
      holds: "10m",
      severity: "warning",
      summary: "Watches break off again and again.",
      description:
        "The watch of {{ $labels.resource }} in {{ $labels.instance }} has broken off {{ $value | humanize }} times in 10 minutes: changes are seen late, and lists load the API server.",
    },
    {
      name: "PcmcApiErrors",
      expr: `${requests(FAILED)} / ${requests("")} > ${at.apiErrorRatio} and ${requests(FAILED)} > ${at.apiErrorsPerSecond}`,
      holds: "10m",
      severity: "warning",
      summary: "The API server fails requests.",
      description:
        "{{ $value | humanizePercentage }} of the requests of {{ $labels.job }} to the API server come to an error of the server or to no answer.",
    },
    {
      name: "PcmcApiThrottled",
      expr: `${requests('{code="429"}')} > ${at.apiThrottledPerSecond}`,
      holds: "10m",
      severity: "warning",
      summary: "The API server turns requests away.",
      description:
        '{{ $value | printf "%.1f" }} requests a second of {{ $labels.job }} are answered 429: the API server\'s priority and fairness holds us back, and work takes longer.',
    },
    {
      name: "PcmcWebhookCertificateExpiring",
      // Replicas share one; the first that has not got the new one counts.
      expr: `min by (${INSTALLATION}, certificate) (${ours("controller_runtime_webhook_certificate_expiration_timestamp_seconds")}) - time() < ${at.certificateDays} * 86400`,
      holds: "1h",
      severity: "warning",
      summary: "The webhooks' certificate has not been renewed.",
      description:
        "The {{ $labels.certificate }} certificate of {{ $labels.job }} expires in {{ $value | humanizeDuration }}. Once it has, nothing is validated and no sidecar is injected.",
    },
    {
      name: "PcmcWebhookSlow",
      expr: `histogram_quantile(0.99, sum by (${INSTALLATION}, webhook, le) (${ours("rate(controller_runtime_webhook_latency_seconds_bucket[5m])")})) > ${at.webhookSeconds}`,
      holds: "10m",
      severity: "warning",
      summary: "Webhooks answer slowly.",
      description:
        "One of 100 requests to {{ $labels.webhook }} takes {{ $value | humanizeDuration }} or longer: whoever creates Pods or applies our resources waits for it, and past 3 s it goes unasked.",
    },
    {
      name: "PcmcWebhookFailsOpen",
      // Our own metrics say nothing of it: who is not reached counts nothing.
      expr: `sum by (job, name) (increase(${FAILED_OPEN}[10m])) > 0`,
      severity: "warning",
      summary: "The API server goes on without our webhooks.",
      description:
        "{{ $value | humanize }} calls of {{ $labels.name }} have failed in 10 minutes, and what they were about was let pass: unchecked, or without sidecars. (From the API server.)",
    },
    {
      name: "PcmcWebhookErrors",
      expr: `${webhookRequests('{code!="200"}')} / ${webhookRequests("")} > ${at.webhookErrorRatio} and ${webhookRequests('{code!="200"}')} > ${at.webhookErrors}`,
      holds: "10m",
      severity: "warning",
      summary: "Webhooks fail.",
      description:
        "{{ $value | humanizePercentage }} of the requests to {{ $labels.webhook }} of {{ $labels.job }} have got no proper answer in 10 minutes: what they were about went unchecked, or without sidecars.",
    },
  ],
};
