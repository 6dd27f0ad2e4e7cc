import type { ValueType } from "./value-types.ts";

/**
 * Where an API server is told to call a webhook: an https URL without what it refuses (user, query, fragment), and without a
 * path, since paths tell our webhooks apart. Parsed to `https://host[:port]`.
 *
 * https://pkg.go.dev/k8s.io/apiserver/pkg/util/webhook#ValidateWebhookURL
 */
export const webhookUrl: ValueType<string> = {
  allowed: "an https URL of host and port, such as https://127.0.0.1:9443",
  placeholder: "url",
  parse(text) {
    const url = /^https:\/\/[^/\\]/i.test(text) ? URL.parse(text) : null;
    if (url === null || url.port === "0") return undefined;
    // What is beside the origin would be a path, a user, a query or a fragment; `href` has an empty one of these, too.
    return url.href === `${url.origin}/` ? url.origin : undefined;
  },
};
