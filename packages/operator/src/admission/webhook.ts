import {
  type AdmissionRoute,
  admissionWebhooks,
  type Cache,
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
import { NAME } from "../rbac/names.ts";
import type { Settings } from "../settings/settings.ts";
import { AccessReviews } from "./access-reviews.ts";
import { podConfigMapConfigRoute } from "./handler.ts";
import { injectionOf } from "./injection/injection.ts";
import {
  INJECT_PATH,
  mutatingWebhookConfiguration,
  VALIDATE_PATH,
  VALIDATE_WATCHERS_PATH,
  type ValidatedGroup,
  validatingWebhookConfiguration,
  WEBHOOK_SERVICE,
} from "./manifests.ts";
import type { TemplateEngine } from "./template-engine.ts";
import { watcherRoute } from "./watcher/handler.ts";

/** What of the settings concerns webhooks. */
export type WebhookSettings = Pick<
  Settings,
  | "webhookAddr"
  | "webhookUrl"
  | "webhookSecretName"
  | "webhookCertDir"
  | "authorChecks"
  | "controllers"
  | "watchNamespaces"
>;

export interface WebhookParts {
  readonly settings: WebhookSettings;
  /** Where the Service and the Secret of the certificates are: our own. */
  readonly namespace: string;
  /** The manager's: what is injected is read from it. */
  readonly cache: Cache;
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
 * The operator's webhooks, ready to be run by a manager: called by their Service, or under `WEBHOOK_URL` where there is one. Only
 * those of the controllers that are chosen: for the others a call finds nothing here, and `failurePolicy: Ignore` lets it pass.
 *
 * A Service hears a little later than we do that we stop, so until then calls are still taken; under a URL nobody else would
 * take them either, and we end at once.
 */
export const podConfigMapWebhooks = (parts: WebhookParts): Webhooks => {
  const { settings, client, registry, log, troubles, namespace } = parts;
  const { webhookAddr: address, webhookUrl, controllers } = settings;
  const injection = controllers.includes("watcher")
    ? injectionOf({ ...parts, ownNamespace: namespace, watchNamespaces: settings.watchNamespaces })
    : undefined;
  const webhooks = admissionWebhooks({
    client,
    address,
    routes: { ...validation(parts), ...(injection !== undefined && { [INJECT_PATH]: injection.route }) },
    certificates: certificates(parts),
    configurations: configurations(parts),
    ...(webhookUrl !== undefined && { lameDuck: 0 }),
    log,
    troubles,
    observer: webhookMetrics(registry),
  });
  return { ...webhooks, runnables: [...webhooks.runnables, ...(injection?.runnables ?? [])] };
};

const VALIDATED: readonly ValidatedGroup[] = ["podconfigmap", "watcher"];

const validatedGroups = ({ controllers }: WebhookSettings): readonly ValidatedGroup[] =>
  VALIDATED.filter((group) => controllers.includes(group));

const validation = ({ settings, client, engine }: WebhookParts): Readonly<Record<string, AdmissionRoute>> => {
  const reviews = settings.authorChecks ? new AccessReviews({ client, clock: systemClock }) : undefined;
  const routes: Readonly<Record<ValidatedGroup, () => readonly [string, AdmissionRoute]>> = {
    podconfigmap: () => [VALIDATE_PATH, podConfigMapConfigRoute({ engine, reviews })],
    watcher: () => [VALIDATE_WATCHERS_PATH, watcherRoute({ reviews })],
  };
  return Object.fromEntries(validatedGroups(settings).map((group) => routes[group]()));
};

const certificates = ({ settings, namespace }: WebhookParts): WebhookCertificates => {
  const { webhookCertDir: directory, webhookSecretName, webhookUrl } = settings;
  if (directory !== undefined) return { directory };
  return {
    secret: { namespace, name: webhookSecretName },
    servedAt: webhookUrl === undefined ? { service: { namespace, name: WEBHOOK_SERVICE } } : { url: webhookUrl },
    organization: NAME,
  };
};

/** In a cluster they come with the manifests, and only their `caBundle` is ours. */
const configurations = ({ settings, namespace }: WebhookParts): readonly ConfigurationReference[] => {
  const { webhookUrl: url, controllers, watchNamespaces } = settings;
  const target = url === undefined ? { namespace } : { url };
  const groups = validatedGroups(settings);
  const all = [
    ...(groups.length === 0 ? [] : [validatingWebhookConfiguration(target, groups)]),
    ...(controllers.includes("watcher")
      ? [mutatingWebhookConfiguration(target, { ownNamespace: namespace, watchNamespaces })]
      : []),
  ];
  return all.map(({ kind, webhooks }) => ({ kind, name: NAME, ...(url !== undefined && { webhooks }) }));
};
