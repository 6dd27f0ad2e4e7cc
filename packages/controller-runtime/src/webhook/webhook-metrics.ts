import { countedCounter, countedGauge, countedHistogram } from "../metrics/counted-metrics.ts";
import type { Registry } from "../metrics/prom-client.ts";
import { readGauge, type Sample } from "../metrics/read-metrics.ts";
import type { WebhookObserver } from "./webhook-observer.ts";

/** controller-runtime's buckets, seconds, with two below them: a handler that only computes is done in less. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const PREFIX = "controller_runtime_webhook";
/** Stand at 0 from the start, as in controller-runtime. */
const CODES = ["200", "500"] as const;

/**
 * `controller_runtime_webhook_*`, with controller-runtime's names and labels (`webhook` is the path), and the same for
 * certificates. An alert wants `..._certificate_expiration_timestamp_seconds - time() < 7 * 86400`.
 */
export const webhookMetrics = (registry: Registry): WebhookObserver => {
  const labels = ["webhook"] as const;
  const total = countedCounter({
    registry,
    name: `${PREFIX}_requests_total`,
    help: "Total number of admission requests by HTTP status code.",
    labels: [...labels, "code"],
  });
  const latency = countedHistogram({
    registry,
    name: `${PREFIX}_latency_seconds`,
    help: "Histogram of the latency of processing admission requests",
    labels,
    buckets: BUCKETS,
  });
  const inFlight = countedGauge({
    registry,
    name: `${PREFIX}_requests_in_flight`,
    help: "Current number of admission requests being served.",
    labels,
  });
  const panics = countedCounter({
    registry,
    name: `${PREFIX}_panics_total`,
    help: "Total number of webhook panics",
    labels,
  });
  return {
    onRoute: (webhook) => {
      for (const code of CODES) total.at(webhook, code);
      for (const series of [inFlight, panics]) series.at(webhook);
    },
    onRequestStart: (webhook) => {
      inFlight.at(webhook).value += 1;
    },
    onRequest: ({ webhook, code, seconds }) => {
      inFlight.at(webhook).value -= 1;
      total.at(webhook, code).value += 1;
      latency.at(webhook).observe(seconds);
    },
    onPanic: (webhook) => {
      panics.at(webhook).value += 1;
    },
    ...certificateMetrics(registry),
  };
};

type CertificateMetrics = Pick<WebhookObserver, "onCertificates" | "onRotation" | "onCertificateError">;

const certificateMetrics = (registry: Registry): CertificateMetrics => {
  let expiry: Parameters<WebhookObserver["onCertificates"]>[0] = { serving: undefined, authority: undefined };
  const rotations = countedCounter({
    registry,
    name: `${PREFIX}_certificate_rotations_total`,
    help: "Certificates that this process has replaced, by certificate: serving or authority.",
    labels: ["certificate"],
  });
  const errors = countedCounter({
    registry,
    name: `${PREFIX}_certificate_errors_total`,
    help: "Failed attempts to read or write certificates, by operation.",
    labels: ["operation"],
  });
  for (const certificate of ["serving", "authority"]) rotations.at(certificate);
  for (const operation of ["read", "write"]) errors.at(operation);
  readGauge({
    registry,
    name: `${PREFIX}_certificate_expiration_timestamp_seconds`,
    help: "When the certificate that is served, and the newest authority, expire; Unix time.",
    read: function* (): Generator<Sample<number>> {
      for (const [certificate, at] of Object.entries(expiry)) {
        if (at !== undefined) yield { labels: { certificate }, value: at / 1_000 };
      }
    },
  });
  return {
    onCertificates: (found) => {
      expiry = found;
    },
    onRotation: (certificate) => {
      rotations.at(certificate).value += 1;
    },
    onCertificateError: (operation) => {
      errors.at(operation).value += 1;
    },
  };
};
