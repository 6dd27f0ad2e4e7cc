import type { Cache, Client, ClusterConfig, Logger, Registry, Troubles, Webhooks } from "@pcmc/controller-runtime";
import type { TemplateEngine } from "../../admission/template-engine.ts";
import type { Group } from "../../controllers/names.ts";
import type { Settings } from "../../settings/settings.ts";

export interface WebhooksParts {
  readonly settings: Settings;
  readonly config: ClusterConfig;
  readonly cache: Cache;
  readonly client: Client;
  readonly engine: TemplateEngine;
  readonly registry: Registry;
  readonly log: Logger;
  readonly troubles: Troubles;
}

/** Those whose objects, or Pods, come to a webhook of ours. */
const ADMITTED: readonly Group[] = ["podconfigmap", "watcher"];

/** The admission webhooks, where they are wanted and a chosen controller has some: their code is not loaded otherwise. */
export const webhooksOf = async ({ config, settings, ...parts }: WebhooksParts): Promise<Webhooks | undefined> => {
  if (!settings.webhookEnabled || !settings.controllers.some((group) => ADMITTED.includes(group))) return undefined;
  const { podConfigMapWebhooks } = await import("../../admission/webhook.ts");
  return podConfigMapWebhooks({ ...parts, settings, namespace: settings.podNamespace ?? config.namespace });
};
