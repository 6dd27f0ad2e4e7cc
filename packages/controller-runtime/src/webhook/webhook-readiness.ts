import type { Clock } from "../clock.ts";
import type { ReadyCheck } from "../manager/manager.ts";
import { type Certificate, certificatesIn, isSignedBy } from "./certificate.ts";
import type { CertificateSource } from "./certificate-source.ts";
import type { ConfigurationState, RegisteredConfigurations } from "./registered-configurations.ts";
import { type RegisteredWebhook, registeredWith } from "./webhook-configuration.ts";

export interface WebhookReadinessOptions {
  readonly certificates: CertificateSource;
  /** Whether we write caBundle. Where others do, none is a choice: the API server then trusts the CAs of its host. */
  readonly writesBundles: boolean;
  readonly registered: Pick<RegisteredConfigurations, "states">;
  /** Whether connections are taken. */
  readonly isServing: () => boolean;
  readonly clock: Clock;
}

/**
 * Ready when the API server could call this replica: it listens, and each registered caBundle verifies the certificate that it
 * serves. A Service leaves a replica out until then, so a certificate that clients do not know yet hurts nobody.
 *
 * A configuration that nobody has applied, or that this replica must not read, is no reason to wait: nobody calls us then, or
 * nobody can tell, and a Pod that never becomes ready would keep the whole controller from being rolled out. Both are in the log.
 */
export const webhookReadiness = (options: WebhookReadinessOptions): ReadyCheck => ({
  name: "webhook",
  check: () => {
    const { certificates, registered, writesBundles, isServing, clock } = options;
    const { current, trouble } = certificates;
    if (current === undefined) return trouble ?? "no certificate yet";
    if (!isServing()) return "not listening yet";
    const now = clock.date().getTime();
    if (now >= current.certificate.notAfter) return "the certificate has expired";
    const chain = certificatesIn(current.cert);
    for (const state of registered.states) {
      const found = troubleOf(state, { chain, writesBundles, now });
      if (found !== undefined) return `${state.reference.kind} ${state.reference.name}: ${found}`;
    }
    return undefined;
  },
});

interface Served {
  readonly chain: readonly Certificate[];
  readonly writesBundles: boolean;
  readonly now: number;
}

const troubleOf = (state: ConfigurationState, { chain, writesBundles, now }: Served): string | undefined => {
  switch (state.state) {
    case "unknown":
      return "not read yet";
    case "forbidden":
      return undefined;
    case "missing":
      return state.reference.webhooks === undefined ? undefined : "missing: it is about to be made";
    case "present": {
      const wrong = (state.object.webhooks ?? []).find(
        (webhook) => (writesBundles || hasBundle(webhook)) && !verifies(webhook, chain, now),
      );
      if (wrong === undefined) return undefined;
      const { name } = wrong;
      if (!hasBundle(wrong)) return `webhook ${name} has no caBundle yet; the leader writes it`;
      return `the caBundle of webhook ${name} does not verify the certificate that is served${writesBundles ? "; the leader will write it" : ""}`;
    }
  }
};

const hasBundle = ({ clientConfig }: RegisteredWebhook): boolean => Boolean(clientConfig.caBundle);

/** Whether a client with this bundle accepts the chain: each certificate signed by the next, the last by one of the bundle. */
const verifies = (webhook: RegisteredWebhook, chain: readonly Certificate[], now: number): boolean => {
  const roots = registeredWith(webhook).filter(({ notBefore, notAfter }) => notBefore <= now && now < notAfter);
  for (const [i, certificate] of chain.entries()) {
    if (roots.some((root) => root.id === certificate.id || isSignedBy(certificate, root))) return true;
    const next = chain[i + 1];
    if (next === undefined || !isSignedBy(certificate, next)) return false;
  }
  return false;
};
