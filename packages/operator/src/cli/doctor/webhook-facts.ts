import {
  MutatingWebhookConfigurations,
  Secrets,
  type Stored,
  ValidatingWebhookConfigurations,
} from "@pcmc/controller-runtime";
import type { WebhookClientConfig } from "kubernetes-types/admissionregistration/v1.d.ts";
import type { Secret, Service } from "kubernetes-types/core/v1.d.ts";
import type { EndpointSlice } from "kubernetes-types/discovery/v1.d.ts";
import {
  mutatingWebhookConfiguration,
  type ValidatedGroup,
  validatingWebhookConfiguration,
  WEBHOOK_SERVICE,
} from "../../admission/manifests.ts";
import { PodConfigMapConfigs } from "../../podconfigmap/sources.ts";
import { NAME } from "../../rbac/names.ts";
import type { Operator } from "./operator.ts";
import type { DryRun, Listed, Reader } from "./reader.ts";
import { EndpointSlices, Services } from "./resources.ts";
import { known, mapped, NOT_ASKED, type Seen } from "./seen.ts";

/** What of a registered webhook is looked at; the two kinds of configuration have it alike. */
export interface Hook {
  readonly name: string;
  readonly clientConfig: WebhookClientConfig;
  readonly failurePolicy?: string;
  readonly rules?: readonly {
    readonly apiGroups?: readonly string[];
    readonly resources?: readonly string[];
    readonly operations?: readonly string[];
  }[];
}

/** A configuration with its webhooks. */
export interface Registered {
  readonly kind: "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration";
  readonly name: string;
  readonly hooks: readonly Hook[];
}

export interface WebhookFacts {
  /** Names of the webhooks that should be registered, by kind; empty where none is wanted. */
  readonly wanted: readonly { readonly kind: Registered["kind"]; readonly hooks: readonly string[] }[];
  /** All configurations of the cluster. */
  readonly registered: Seen<readonly Registered[]>;
  readonly service: Seen<Stored<Service> | undefined>;
  readonly endpoints: Seen<Listed<Stored<EndpointSlice>> | undefined>;
  readonly secret: Seen<Stored<Secret> | undefined>;
  /** The creation of a PodConfigMapConfig that only our webhook refuses. */
  readonly tried: Seen<DryRun>;
  /** The server's wall clock, milliseconds. */
  readonly now: number;
}

/** A template that cannot be parsed: schema and CEL of the CRD know no templates. */
const BROKEN = { "doctor.conf": "{{ thisFunctionDoesNotExist }}" };

export const readWebhooks = async (
  reader: Reader,
  operator: Operator | undefined,
  serverNow: () => number,
): Promise<WebhookFacts> => {
  const wanted = wantedBy(operator);
  const namespace = operator?.namespace ?? "default";
  const name = operator?.certificateSecret;
  const asks = wanted.length > 0;
  const [validating, mutating, endpoints, service, secret, tried] = await Promise.all([
    reader.list(ValidatingWebhookConfigurations),
    reader.list(MutatingWebhookConfigurations),
    reader.list(EndpointSlices),
    asks ? reader.get(Services, { namespace, name: WEBHOOK_SERVICE }) : NOT_ASKED,
    asks && name !== undefined ? reader.get(Secrets, { namespace, name }) : NOT_ASKED,
    asks && wanted.some(({ hooks }) => hooks.includes(PCMC_HOOK))
      ? reader.tryCreate(PodConfigMapConfigs, {
          metadata: { name: "pcmc-doctor-dry-run", namespace },
          spec: { configMapDataTemplate: BROKEN },
        })
      : NOT_ASKED,
  ]);
  const registered = bothOf(
    mapped(validating, (list) => hooksIn("ValidatingWebhookConfiguration", list)),
    mapped(mutating, (list) => hooksIn("MutatingWebhookConfiguration", list)),
  );
  return { wanted, registered, service, endpoints, secret, tried, now: serverNow() };
};

const target = { namespace: "default" };
/** The webhook that refuses broken templates. */
export const PCMC_HOOK = validatingWebhookConfiguration(target, ["podconfigmap"]).webhooks[0]?.name ?? "";

/** By the settings of the operator. */
const wantedBy = (operator: Operator | undefined): WebhookFacts["wanted"] => {
  const settings = operator?.settings;
  if (settings === undefined || !settings.webhookEnabled) return [];
  const validated = (["podconfigmap", "watcher"] as const satisfies readonly ValidatedGroup[]).filter((group) =>
    settings.controllers.includes(group),
  );
  const all = [
    ...(validated.length === 0 ? [] : [validatingWebhookConfiguration(target, validated)]),
    ...(settings.controllers.includes("watcher")
      ? [mutatingWebhookConfiguration(target, { ownNamespace: "default" })]
      : []),
  ];
  return all.map(({ kind, webhooks }) => ({ kind, hooks: webhooks.map(({ name }) => name) }));
};

interface HasHooks {
  readonly metadata: { readonly name: string };
  readonly webhooks?: readonly Hook[];
}

const hooksIn = (kind: Registered["kind"], list: Listed<HasHooks> | undefined): readonly Registered[] =>
  (list?.items ?? []).map(({ metadata, webhooks }) => ({ kind, name: metadata.name, hooks: webhooks ?? [] }));

const bothOf = (a: WebhookFacts["registered"], b: WebhookFacts["registered"]): WebhookFacts["registered"] => {
  if (a.kind !== "seen") return a;
  return b.kind === "seen" ? { kind: "seen", value: [...a.value, ...b.value] } : b;
};

/** Our webhooks that are registered. */
export const ownHooks = ({ registered, wanted }: WebhookFacts): readonly (Hook & { readonly kind: string })[] =>
  (known(registered) ?? [])
    .filter(({ kind, name }) => name === NAME && wanted.some((each) => each.kind === kind))
    .flatMap(({ kind, hooks }) => hooks.map((hook) => ({ ...hook, kind })));
