import type {
  MutatingWebhookConfiguration,
  ValidatingWebhookConfiguration,
  WebhookClientConfig,
} from "kubernetes-types/admissionregistration/v1.d.ts";
import type { KubernetesObject } from "../object.ts";
import { defineResource, type Resource } from "../resource.ts";
import { type Certificate, certificatesIn } from "./certificate.ts";

const apiVersion = "admissionregistration.k8s.io/v1";

export const ValidatingWebhookConfigurations = defineResource<ValidatingWebhookConfiguration>({
  apiVersion,
  kind: "ValidatingWebhookConfiguration",
  plural: "validatingwebhookconfigurations",
  namespaced: false,
});

export const MutatingWebhookConfigurations = defineResource<MutatingWebhookConfiguration>({
  apiVersion,
  kind: "MutatingWebhookConfiguration",
  plural: "mutatingwebhookconfigurations",
  namespaced: false,
});

/** One webhook of either kind, as far as certificates are concerned; it has more fields than these. */
export interface RegisteredWebhook {
  readonly name: string;
  readonly clientConfig: WebhookClientConfig;
}

/** What both kinds of configuration have in common. */
export interface WebhookConfiguration extends KubernetesObject {
  webhooks?: readonly RegisteredWebhook[];
}

/** A configuration by which the API server calls us. */
export interface ConfigurationReference {
  readonly kind: "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration";
  readonly name: string;
  /**
   * The whole list of webhooks, without `caBundle`. With it the configuration is made when it is missing, and put right when
   * its webhooks differ. Absent: it is somebody else's to make (a chart's), and only `caBundle` is written.
   */
  readonly webhooks?: readonly RegisteredWebhook[] | undefined;
}

/** The resource of a kind. */
export const resourceOf = ({ kind }: Pick<ConfigurationReference, "kind">): Resource<WebhookConfiguration> =>
  kind === "ValidatingWebhookConfiguration" ? ValidatingWebhookConfigurations : MutatingWebhookConfigurations;

/** The certificates of a webhook's caBundle; none where there is no bundle, or junk. */
export const registeredWith = ({ clientConfig }: RegisteredWebhook): Certificate[] =>
  certificatesIn(Buffer.from(clientConfig.caBundle ?? "", "base64").toString("latin1"));
