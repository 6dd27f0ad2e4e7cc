import { WEBHOOK_SERVICE } from "../../admission/manifests.ts";
import { NAME } from "../../rbac/names.ts";
import type { Operator } from "./operator.ts";
import { judged, type Seen } from "./seen.ts";
import { failed, named, ok, type Verdict, warning } from "./verdict.ts";
import { type Hook, ownHooks, PCMC_HOOK, type WebhookFacts } from "./webhook-facts.ts";

const APPLY = "apply manifests/webhooks.yaml of this release, or upgrade the chart with webhooks.enabled=true";

export const judgeRegistered = (
  operator: Operator | undefined,
  { registered, wanted }: WebhookFacts,
): readonly Verdict[] => {
  // What it wants is not known then, and that has been told.
  if (operator?.settings === undefined) return [];
  if (wanted.length === 0) return [ok("no webhooks are wanted: WEBHOOK_ENABLED is off, or no controller has some")];
  return judged("webhook configurations", registered, (all) => {
    const missing = wanted.flatMap(({ kind, hooks }) => {
      const found = all.find((each) => each.kind === kind && each.name === NAME);
      if (found === undefined) return [`${kind} ${NAME}`];
      const names = new Set(found.hooks.map(({ name }) => name));
      return hooks.filter((hook) => !names.has(hook)).map((hook) => `webhook ${hook} in ${kind} ${NAME}`);
    });
    if (missing.length === 0) return [ok("the webhooks are registered")];
    return [failed(`not registered: ${named(missing)}: nothing is validated or injected by it`, APPLY)];
  });
};

export const judgeService = (operator: Operator | undefined, facts: WebhookFacts): readonly Verdict[] => {
  const namespace = operator?.namespace ?? "";
  const astray = ownHooks(facts).filter(
    ({ clientConfig: { service } }) =>
      service !== undefined && (service.namespace !== namespace || service.name !== WEBHOOK_SERVICE),
  );
  if (astray.length > 0) {
    const places = [
      ...new Set(astray.map(({ clientConfig: { service } }) => `${service?.namespace}/${service?.name}`)),
    ];
    return [failed(`webhooks are registered at Service ${named(places)}, and the operator is in ${namespace}`, APPLY)];
  }
  if (ownHooks(facts).every(({ clientConfig }) => clientConfig.service === undefined)) return [];
  return judged(`Service ${namespace}/${WEBHOOK_SERVICE}`, facts.service, (service) => {
    if (service === undefined) return [failed(`Service ${namespace}/${WEBHOOK_SERVICE} is missing`, APPLY)];
    // It stands for a name, and has no endpoints of its own.
    if (service.spec?.type === "ExternalName")
      return [ok(`Service ${WEBHOOK_SERVICE} stands for ${service.spec.externalName}`)];
    return judged("EndpointSlices", facts.endpoints, (slices) => {
      const ready = readyEndpoints(slices, namespace, WEBHOOK_SERVICE);
      if (ready > 0) return [ok(`Service ${WEBHOOK_SERVICE} has ${ready} ready endpoints`)];
      return [
        failed(
          `Service ${namespace}/${WEBHOOK_SERVICE} has no ready endpoint: no webhook is reached`,
          `see above why no replica is ready; the Service's selector has to match the Pods' labels: kubectl -n ${namespace} describe service ${WEBHOOK_SERVICE}`,
        ),
      ];
    });
  });
};

const readyEndpoints = (
  slices: WebhookFacts["endpoints"] extends Seen<infer T> ? T : never,
  namespace: string,
  service: string,
): number =>
  (slices?.items ?? [])
    .filter(
      ({ metadata }) => metadata.namespace === namespace && metadata.labels?.["kubernetes.io/service-name"] === service,
    )
    // One without endpoints has null there, whatever its type says.
    .flatMap(({ endpoints }) => endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false).length;

const REACH =
  "see that a replica is ready, that the API server may reach it at port 9443 (NetworkPolicy, firewall of the nodes), and the checks above. The API server's log and metric apiserver_admission_webhook_fail_open_count tell more";

export const judgeAnswers = ({ tried, wanted }: WebhookFacts): readonly Verdict[] => {
  if (!wanted.some(({ hooks }) => hooks.includes(PCMC_HOOK))) return [];
  return judged("whether the webhook is asked", tried, (result) => {
    if (result.accepted) {
      return [
        failed(
          "the API server accepts a PodConfigMapConfig with a broken template: it does not reach the webhook",
          REACH,
        ),
      ];
    }
    const { message } = result;
    if (message.includes(`"${PCMC_HOOK}" denied the request`))
      return [ok("the API server asks the webhook, and gets its answer")];
    if (message.includes("failed calling webhook"))
      return [failed(`the API server cannot call a webhook: ${message}`, REACH)];
    return [
      warning(
        `something else refused before the webhook was asked: ${message}`,
        "look at the other webhooks and policies for podconfigmapconfigs",
      ),
    ];
  });
};

export const judgePolicy = (facts: WebhookFacts): readonly Verdict[] => {
  const hooks = ownHooks(facts);
  if (hooks.length === 0) return [];
  const failing = hooks.filter(({ failurePolicy }) => failurePolicy === "Fail").map(({ name }) => name);
  if (failing.length === 0) return [ok("nothing is blocked while the operator is down (failurePolicy Ignore)")];
  return [
    warning(
      `webhook ${named(failing)} has failurePolicy Fail: while the operator is down, what it is asked about cannot be written`,
      "set webhooks.failurePolicy=Ignore, unless that is meant",
    ),
  ];
};

/** What we write, and what users write for us. */
const OURS: readonly (readonly [group: string, resource: string])[] = [
  ["", "pods"],
  ["", "configmaps"],
  ["podconfig.example.com", "podconfigmapconfigs"],
  ["watch.example.com", "watchers"],
  ["rbac.authorization.k8s.io", "roles"],
];

export const judgeForeign = ({ registered, endpoints }: WebhookFacts): readonly Verdict[] =>
  judged("the webhooks of others", registered, (all) =>
    judged("the endpoints of others' webhooks", endpoints, (slices) => {
      const isDead = ({ clientConfig: { service } }: Hook): boolean =>
        service !== undefined && readyEndpoints(slices, service.namespace, service.name) === 0;
      const others = all.filter(({ name }) => name !== NAME);
      const dead = others.flatMap(({ kind, name, hooks }) =>
        hooks
          .filter((hook) => hook.failurePolicy !== "Ignore" && concernsUs(hook) && isDead(hook))
          .map((hook) => `${hook.name} (${kind} ${name})`),
      );
      if (dead.length === 0) return [ok("no webhook of others that has nobody to answer stands in the way")];
      return [
        warning(
          `these webhooks have failurePolicy Fail and no ready endpoint: ${named(dead)}: Pods, ConfigMaps or our objects may not be writable`,
          "bring their service back, or delete their configuration if what it belonged to is gone",
        ),
      ];
    }),
  );

const concernsUs = ({ rules = [] }: Hook): boolean =>
  rules.some(({ apiGroups = [], resources = [] }) =>
    OURS.some(
      ([group, resource]) =>
        (apiGroups.includes("*") || apiGroups.includes(group)) &&
        resources.some((one) => one === "*" || one === "*/*" || one === resource || one === `${resource}/*`),
    ),
  );
