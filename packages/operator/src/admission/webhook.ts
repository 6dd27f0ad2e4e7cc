import {
  type AdmissionRoute,
  admissionWebhooks,
  type Client,
  type ConfigurationReference,
  type Logger,
  type Registry,
  systemClock,
  type Troubles,
  type WebhookCertificates,
  type Webhooks,
  webhookMetrics,
} from "@pcmc/controller-runtime";
import type { Settings } from "../settings/settings.ts";
import { AccessReviews } from "./access-reviews.ts";
import { podConfigMapConfigRoute } from "./handler.ts";
import { NAME, VALIDATE_PATH, validatingWebhookConfiguration, WEBHOOK_SERVICE } from "./manifests.ts";
import type { TemplateEngine } from "./template-engine.ts";

/** What of the settings concerns webhooks. */
export type WebhookSettings = Pick<
  Settings,
  "webhookAddr" | "webhookUrl" | "webhookSecretName" | "webhookCertDir" | "authorChecks"
>;

export interface WebhookParts {
  readonly settings: WebhookSettings;
  /** Where the Service and the Secret of the certificates are: our own. */
  readonly namespace: string;
  /**
   * For rights, certificates and what is registered; in all replicas, so not one that only a leader may write with. It has
   * connections of its own: an answer to the API server must not wait behind reconciles, nor the Lease behind reviews.
   */
  readonly client: Client;
  /** Compiles templates; who made it closes it. */
  readonly engine: TemplateEngine;
  readonly registry: Registry;
  readonly log: Logger;
  readonly troubles: Troubles;
}

/**
 * The operator's webhooks, ready to be run by a manager: called by their Service, or under `WEBHOOK_URL` where there is one.
 *
 * A Service hears a little later than we do that we stop, so until then calls are still taken; under a URL nobody else would
 * take them either, and we end at once.
 */
export const podConfigMapWebhooks = (parts: WebhookParts): Webhooks => {
  const { settings, client, registry, log, troubles } = parts;
  const { webhookAddr: address, webhookUrl } = settings;
  return admissionWebhooks({
    client,
    address,
    routes: { [VALIDATE_PATH]: validation(parts) },
    certificates: certificates(parts),
    configurations: [configuration(settings)],
    ...(webhookUrl !== undefined && { lameDuck: 0 }),
    log,
    troubles,
    observer: webhookMetrics(registry),
  });
};

const validation = ({ settings, client, engine }: WebhookParts): AdmissionRoute =>
  podConfigMapConfigRoute({
    engine,
    reviews: settings.authorChecks ? new AccessReviews({ client, clock: systemClock }) : undefined,
  });

const certificates = ({ settings, namespace }: WebhookParts): WebhookCertificates => {
  const { webhookCertDir: directory, webhookSecretName, webhookUrl } = settings;
  if (directory !== undefined) return { directory };
  return {
    secret: { namespace, name: webhookSecretName },
    servedAt: webhookUrl === undefined ? { service: { namespace, name: WEBHOOK_SERVICE } } : { url: webhookUrl },
    organization: NAME,
  };
};

/** In a cluster it comes with the manifests, and only its `caBundle` is ours. */
const configuration = ({ webhookUrl: url }: WebhookSettings): ConfigurationReference => ({
  kind: "ValidatingWebhookConfiguration",
  name: NAME,
  ...(url !== undefined && { webhooks: validatingWebhookConfiguration({ url }).webhooks }),
});
