import { type Certificate, certificatesIn, isFor, isSignedBy, servingNames } from "@pcmc/controller-runtime";
import { WEBHOOK_SERVICE } from "../../admission/manifests.ts";
import { NAME } from "../../rbac/names.ts";
import type { Operator } from "./operator.ts";
import { judged } from "./seen.ts";
import { failed, named, ok, skipped, type Verdict, warning } from "./verdict.ts";
import { type Hook, ownHooks, type WebhookFacts } from "./webhook-facts.ts";

/** Milliseconds before its end from which a certificate should have been renewed: they are, at two thirds of their life. */
const NEAR = 7 * 24 * 3_600_000;
const RENEW = `the leader renews and registers it within seconds: see why nobody leads, or what it may not (checks leader and permissions), and what the Pods log that kubectl get pods -A -l app.kubernetes.io/name=${NAME} lists. Where cert-manager makes it, look at its Certificate`;

/** What to do about a certificate. */
interface Remedies {
  /** That is about to end, has ended, or is not the one that is registered. */
  readonly renew: string;
  /** That is not what it should be. */
  readonly replace: string;
}

const OWN: Remedies = { renew: RENEW, replace: `delete the Secret: the manager makes it anew. ${RENEW}` };

const LOOK =
  "see why whoever fills the Secret does not: of cert-manager, kubectl describe certificates,certificaterequests in that namespace tells";
const OF_OTHERS: Remedies = { renew: LOOK, replace: LOOK };

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
  const { namespace, certificateSecret, settings } = operator;
  if (certificateSecret === undefined)
    return [skipped("its certificate is made by others, and WEBHOOK_CERT_DIR is no Secret that the workload names")];
  const name = `Secret ${namespace}/${certificateSecret}`;
  const remedies = settings.webhookCertDir === undefined ? OWN : OF_OTHERS;
  return judged(name, facts.secret, (secret) => {
    if (secret === undefined) return [failed(`${name} is missing: there is no certificate yet`, remedies.renew)];
    const chain = certificatesIn(Buffer.from(secret.data?.["tls.crt"] ?? "", "base64").toString("latin1"));
    return certificateVerdicts(name, chain, { facts, namespace, remedies });
  });
};

/** Whether one of the roots has signed the first, or one that follows, each of which has signed the one before. */
const isVerified = (chain: readonly Certificate[], roots: readonly Certificate[]): boolean => {
  for (const [index, each] of chain.entries()) {
    if (roots.some((root) => isSignedBy(each, root) || root.id === each.id)) return true;
    const next = chain[index + 1];
    if (next === undefined || !isSignedBy(each, next)) return false;
  }
  return false;
};

const certificateVerdicts = (
  name: string,
  chain: readonly Certificate[],
  {
    facts,
    namespace,
    remedies,
  }: { readonly facts: WebhookFacts; readonly namespace: string; readonly remedies: Remedies },
): readonly Verdict[] => {
  const [leaf] = chain;
  if (leaf === undefined) return [failed(`${name} holds no certificate`, remedies.replace)];
  if (leaf.notAfter <= facts.now) return [failed(`the certificate in ${name} has expired`, remedies.renew)];
  const hooks = ownHooks(facts).filter((hook) => bundleOf(hook).length > 0);
  const distrusting = hooks.filter((hook) => !isVerified(chain, bundleOf(hook)));
  if (distrusting.length > 0) {
    return [
      failed(
        `the caBundle of webhook ${named(distrusting.map((hook) => hook.name))} does not verify the certificate in ${name}`,
        remedies.renew,
      ),
    ];
  }
  const [host = ""] = servingNames({ service: { namespace, name: WEBHOOK_SERVICE } });
  const byService = hooks.some(({ clientConfig }) => clientConfig.service !== undefined);
  if (byService && !isFor(leaf, host))
    return [failed(`the certificate in ${name} is not for ${host}`, remedies.replace)];
  const days = Math.floor((leaf.notAfter - facts.now) / 86_400_000);
  if (leaf.notAfter - facts.now < NEAR)
    return [warning(`the certificate in ${name} ends in ${days} days and was not renewed`, remedies.renew)];
  if (hooks.length === 0)
    return [ok(`the certificate in ${name} holds for ${days} days more; there is no caBundle to compare it with`)];
  return [ok(`the certificate is the one that the caBundle verifies, for ${days} days more`)];
};
