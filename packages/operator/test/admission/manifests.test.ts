import { expect, test } from "vitest";
import { validatingWebhookConfiguration } from "../../src/admission/manifests.ts";

test("the webhook never stands in the way of writes while the controller is down", () => {
  const [webhook] = validatingWebhookConfiguration({ namespace: "default" }).webhooks;
  expect(webhook).toMatchObject({ failurePolicy: "Ignore", sideEffects: "None", timeoutSeconds: 5 });
});

test("it is reached by its Service, or by a URL", () => {
  const [inCluster] = validatingWebhookConfiguration({ namespace: "ops" }).webhooks;
  expect(inCluster?.clientConfig).toEqual({
    service: {
      name: "podconfigmap-controller-webhook",
      namespace: "ops",
      path: "/validate/podconfigmapconfigs",
      port: 443,
    },
  });
  const [outside] = validatingWebhookConfiguration({ url: "https://127.0.0.1:9443/" }).webhooks;
  expect(outside?.clientConfig).toEqual({ url: "https://127.0.0.1:9443/validate/podconfigmapconfigs" });
});

test("deletions and subresources do not come to it", () => {
  const [webhook] = validatingWebhookConfiguration({ namespace: "default" }).webhooks;
  expect(webhook?.rules.flatMap(({ operations, resources }) => [...operations, ...resources])).toEqual([
    "CREATE",
    "UPDATE",
    "podconfigmapconfigs",
  ]);
});
