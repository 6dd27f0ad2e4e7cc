import type { RestObserver } from "../client/rest.ts";
import { countedCounter, countedHistogram } from "./counted-metrics.ts";
import type { Registry } from "./prom-client.ts";

/** client-go's buckets for request durations, seconds. */
const REQUEST_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

/** `rest_client_*`, with client-go's names and labels. */
export const clientMetrics = (registry: Registry): RestObserver => {
  const requests = countedCounter({
    registry,
    name: "rest_client_requests_total",
    help: "Number of HTTP requests, partitioned by status code, method, and host.",
    labels: ["code", "method", "host"],
  });
  const durations = countedHistogram({
    registry,
    name: "rest_client_request_duration_seconds",
    help: "Request latency in seconds. Broken down by verb, and host.",
    labels: ["verb", "host"],
    buckets: REQUEST_BUCKETS,
  });
  const retries = countedCounter({
    registry,
    name: "rest_client_request_retries_total",
    help: "Number of request retries, partitioned by status code, verb, and host.",
    labels: ["code", "verb", "host"],
  });
  return {
    onResult: ({ method, host, code, seconds }) => {
      requests.at(code, method, host).value += 1;
      durations.at(method, host).observe(seconds);
    },
    onRetry: ({ method, host, code }) => {
      retries.at(code, method, host).value += 1;
    },
  };
};
