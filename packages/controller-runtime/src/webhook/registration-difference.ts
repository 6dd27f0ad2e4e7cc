import type { Stored } from "../object.ts";
import type { Certificate } from "./certificate.ts";
import { bundleOf } from "./certificate-holding.ts";
import {
  type ConfigurationReference,
  type RegisteredWebhook,
  registeredWith,
  type WebhookConfiguration,
} from "./webhook-configuration.ts";

/** What a configuration lacks. */
export type RegistrationChange =
  /** It is not there. */
  | { readonly kind: "create"; readonly object: WebhookConfiguration }
  /** Its webhooks are not those that are wanted; labels, annotations and the rest stay. */
  | { readonly kind: "replace"; readonly object: Stored<WebhookConfiguration> }
  /** Only caBundle is wrong: a strategic merge patch of that field alone, valid for this one state of the object. */
  | { readonly kind: "patch"; readonly patch: object; readonly base: string };

/** What has to be written so that a configuration has these authorities; `undefined` when it is right. Pure. */
export const registrationChange = (
  reference: ConfigurationReference,
  present: Stored<WebhookConfiguration> | undefined,
  authorities: readonly Certificate[],
): RegistrationChange | undefined => {
  const { name, webhooks: wanted } = reference;
  const caBundle = encoded(authorities);
  const withBundle = wanted?.map((webhook) => ({ ...webhook, clientConfig: { ...webhook.clientConfig, caBundle } }));
  if (present === undefined) {
    return withBundle && { kind: "create", object: { metadata: { name }, webhooks: withBundle } };
  }
  const { webhooks = [] } = present;
  if (wanted !== undefined && withBundle !== undefined && !isCovered(wanted, webhooks)) {
    return { kind: "replace", object: { ...present, webhooks: withBundle } };
  }
  const wrong = webhooks.filter((webhook) => !hasExactly(webhook, authorities));
  if (wrong.length === 0) return undefined;
  const { resourceVersion } = present.metadata;
  const patched = wrong.map((webhook) => ({ name: webhook.name, clientConfig: { caBundle } }));
  return { kind: "patch", base: resourceVersion, patch: { metadata: { resourceVersion }, webhooks: patched } };
};

/**
 * What has to be written so that a configuration has these authorities beside those that it has: what somebody may do who does
 * not lead. It takes nothing out, and leaves fields other than caBundle to the leader. Pure.
 */
export const registrationAddition = (
  reference: ConfigurationReference,
  present: Stored<WebhookConfiguration> | undefined,
  authorities: readonly Certificate[],
): RegistrationChange | undefined => {
  if (present === undefined) return registrationChange(reference, present, authorities);
  const lacking = (present.webhooks ?? []).flatMap((webhook) => {
    const registered = registeredWith(webhook);
    const known = new Set(registered.map(({ id }) => id));
    const missing = authorities.filter(({ id }) => !known.has(id));
    return missing.length === 0 ? [] : [{ name: webhook.name, all: [...registered, ...missing] }];
  });
  if (lacking.length === 0) return undefined;
  const { resourceVersion } = present.metadata;
  const webhooks = lacking.map(({ name, all }) => ({ name, clientConfig: { caBundle: encoded(all) } }));
  return { kind: "patch", base: resourceVersion, patch: { metadata: { resourceVersion }, webhooks } };
};

const encoded = (authorities: readonly Certificate[]): string => Buffer.from(bundleOf(authorities)).toString("base64");

const hasExactly = (webhook: RegisteredWebhook, authorities: readonly Certificate[]): boolean => {
  const registered = registeredWith(webhook);
  const wanted = new Set(authorities.map(({ id }) => id));
  return registered.length === wanted.size && registered.every(({ id }) => wanted.has(id));
};

/**
 * Whether `actual` has everything that `wanted` says: the server adds defaults to what it stores. Lists have to be the same,
 * element by element.
 */
const isCovered = (wanted: unknown, actual: unknown): boolean => {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(actual) || actual.length !== wanted.length) return false;
    return wanted.every((each, i) => isCovered(each, actual[i]));
  }
  if (typeof wanted !== "object" || wanted === null) return wanted === actual;
  if (typeof actual !== "object" || actual === null) return false;
  const fields = new Map(Object.entries(actual));
  return Object.entries(wanted).every(([field, value]) => value === undefined || isCovered(value, fields.get(field)));
};
