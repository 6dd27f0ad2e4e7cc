import { type Certificate, certificatesIn, isFor, isSignedBy, servingNames } from "@pcmc/controller-runtime";
import { WEBHOOK_SERVICE } from "../../admission/manifests.ts";
import { NAME } from "../../rbac/names.ts";
import type { Operator } from "./operator.ts";
import { judged } from "./seen.ts";
import { failed, named, ok, type Verdict, warning } from "./verdict.ts";
import { type Hook, ownHooks, type WebhookFacts } from "./webhook-facts.ts";

/** Milliseconds before its end from which a certificate should have been renewed: they are, at two thirds of their life. */
const NEAR = 7 * 24 * 3_600_000;
const RENEW = `the leader renews and registers it within seconds: see why nobody leads, or what it may not (checks leader and permissions), and what the Pods log that kubectl get pods -A -l app.kubernetes.io/name=${NAME} lists. Where cert-manager makes it, look at its Certificate`;

export const judgeBundle = (facts: WebhookFacts): readonly Verdict[] => {
  const hooks = ownHooks(facts);
  if (hooks.length === 0) return [];
  const verdicts = hooks.flatMap((hook) => {
    const bundle = bundleOf(hook);
    if (!hook.clientConfig.caBundle)
      return [failed(`webhook ${hook.name} has no caBundle: the API server trusts nobody there`, RENEW)];
    if (bundle.length === 0) return [failed(`the caBundle of webhook ${hook.name} holds no certificate`, RENEW)];
    if (bundle.every((each) => each.notAfter <= facts.now))
      return [failed(`the caBundle of webhook ${hook.name} has expired`, RENEW)];
    return [];
  });
  return verdicts.length > 0 ? verdicts : [ok("each webhook has a caBundle that holds")];
};

const bundleOf = ({ clientConfig }: Hook): readonly Certificate[] =>
  certificatesIn(Buffer.from(clientConfig.caBundle ?? "", "base64").toString("latin1"));

export const judgeCertificate = (operator: Operator | undefined, facts: WebhookFacts): readonly Verdict[] => {
  if (facts.wanted.length === 0 || operator?.settings === undefined) return [];
  const { webhookCertDir, webhookSecretName } = operator.settings;
  if (webhookCertDir !== undefined) return [ok("its certificate is made by others (WEBHOOK_CERT_DIR)")];
  const name = `Secret ${operator.namespace}/${webhookSecretName}`;
  return judged(name, facts.secret, (secret) => {
    if (secret === undefined) return [failed(`${name} is missing: there is no certificate yet`, RENEW)];
    const chain = certificatesIn(Buffer.from(secret.data?.["tls.crt"] ?? "", "base64").toString("latin1"));
    return certificateVerdicts(name, chain, { facts, namespace: operator.namespace });
  });
};

const certificateVerdicts = (
  name: string,
  chain: readonly Certificate[],
  { facts, namespace }: { readonly facts: WebhookFacts; readonly namespace: string },
): readonly Verdict[] => {
  const [leaf] = chain;
  if (leaf === undefined)
    return [failed(`${name} holds no certificate`, `delete it: the manager makes it anew. ${RENEW}`)];
  if (leaf.notAfter <= facts.now) return [failed(`the certificate in ${name} has expired`, RENEW)];
  const hooks = ownHooks(facts).filter((hook) => bundleOf(hook).length > 0);
  const distrusting = hooks.filter(
    (hook) => !bundleOf(hook).some((root) => isSignedBy(leaf, root) || root.id === leaf.id),
  );
  if (distrusting.length > 0) {
    return [
      failed(
        `the caBundle of webhook ${named(distrusting.map((hook) => hook.name))} does not verify the certificate in ${name}`,
        RENEW,
      ),
    ];
  }
  const [host = ""] = servingNames({ service: { namespace, name: WEBHOOK_SERVICE } });
  const byService = hooks.some(({ clientConfig }) => clientConfig.service !== undefined);
  if (byService && !isFor(leaf, host))
    return [
      failed(`the certificate in ${name} is not for ${host}`, `delete the Secret: the manager makes it anew. ${RENEW}`),
    ];
  const days = Math.floor((leaf.notAfter - facts.now) / 86_400_000);
  if (leaf.notAfter - facts.now < NEAR)
    return [warning(`the certificate in ${name} ends in ${days} days and was not renewed`, RENEW)];
  if (hooks.length === 0)
    return [ok(`the certificate in ${name} holds for ${days} days more; there is no caBundle to compare it with`)];
  return [ok(`the certificate is the one that the caBundle verifies, for ${days} days more`)];
};
