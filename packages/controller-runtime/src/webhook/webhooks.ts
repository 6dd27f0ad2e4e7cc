import { Troubles } from "../cache/troubles.ts";
import type { Client } from "../client/client.ts";
import { type Clock, type Random, systemClock } from "../clock.ts";
import { type Logger, silentLogger } from "../log.ts";
import type { ReadyCheck, Runnable } from "../manager/manager.ts";
import type { ServerAddress } from "../manager/server.ts";
import type { ObjectKey } from "../object.ts";
import type { AdmissionRoute } from "./admission-endpoint.ts";
import { AdmissionServer } from "./admission-server.ts";
import { CertificateFiles } from "./certificate-files.ts";
import { CertificateKeeper } from "./certificate-keeper.ts";
import type { RotationPolicy } from "./certificate-rotation.ts";
import type { CertificateSource } from "./certificate-source.ts";
import { CertificateStore } from "./certificate-store.ts";
import { RegisteredConfigurations } from "./registered-configurations.ts";
import { Registration } from "./registration.ts";
import { servingNames, type WebhookAddress } from "./serving-names.ts";
import type { ConfigurationReference } from "./webhook-configuration.ts";
import type { WebhookObserver } from "./webhook-observer.ts";
import { webhookReadiness } from "./webhook-readiness.ts";

/** Where the certificate comes from. */
export type WebhookCertificates =
  | {
      /** The Secret that all replicas share; it is made when it is missing, and no other is touched. */
      readonly secret: ObjectKey;
      readonly servedAt: WebhookAddress;
      /** Organisation in the subjects of our authorities: how they are known among others in a caBundle. */
      readonly organization: string;
      /** Lives of certificates and the bound on propagation; see `DEFAULT_POLICY`. */
      readonly policy?: Partial<RotationPolicy> | undefined;
    }
  | {
      /** A folder that somebody else fills, cert-manager for one; caBundle is theirs to inject, too. */
      readonly directory: string;
    };

export interface WebhooksOptions {
  readonly client: Client;
  /** Where to listen: `{ host: "", port: 9443 }`. */
  readonly address: ServerAddress;
  /** Handlers by path. */
  readonly routes: Readonly<Record<string, AdmissionRoute>>;
  readonly certificates: WebhookCertificates;
  /** The configurations by which the API server calls us. */
  readonly configurations: readonly ConfigurationReference[];
  /** See `AdmissionServer`. */
  readonly maxInFlight?: number | undefined;
  readonly lameDuck?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly log?: Logger | undefined;
  /** Where troubles are told: who shares it tells of a common one once. */
  readonly troubles?: Troubles | undefined;
  readonly observer?: WebhookObserver | undefined;
  readonly onListening?: ((port: number) => void) | undefined;
}

/** What a manager needs to run webhooks. */
export interface Webhooks {
  /** What every replica runs: the server, its certificates, the watch of the configurations, a registration in reserve. */
  readonly runnables: readonly Runnable[];
  /** What the leader runs: the registration. `client` is guarded by the term, and has the field manager of `caBundle`. */
  led(client: Client): readonly Runnable[];
  readonly readyCheck: ReadyCheck;
}

/**
 * Milliseconds until a replica that does not lead registers what no leader has. A leader takes a fraction of a second, and the
 * Lease of one that is gone passes on in this order of time; a rollout loses no more by it.
 */
const STAND_IN_PATIENCE = 10_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Milliseconds. Short enough that a rotation is nothing special, long enough that one that fails is seen in time. */
export const DEFAULT_POLICY: RotationPolicy = {
  leafLife: 90 * DAY,
  authorityLife: 365 * DAY,
  backdate: HOUR,
  propagation: 300_000,
};

/**
 * Puts an admission server together with its certificates and its registration.
 *
 * @throws TypeError for an address that no certificate can be for.
 * @example
 * const webhooks = admissionWebhooks({
 *   client,
 *   address: { host: "", port: 9443 },
 *   routes: { "/validate-widgets": { handler: (request) => (isGood(request.object) ? allow() : deny({ message: "bad" })) } },
 *   certificates: {
 *     secret: { namespace: "widgets", name: "widgets-webhook" },
 *     servedAt: { service: { namespace: "widgets", name: "widgets-webhook" } },
 *     organization: "widgets",
 *   },
 *   configurations: [{ kind: "ValidatingWebhookConfiguration", name: "widgets" }],
 * });
 * const manager = new Manager({
 *   cache,
 *   runnables: webhooks.runnables,
 *   led: (term) => webhooks.led(client.guardedBy(() => term.assertHeld())),
 *   readyChecks: [webhooks.readyCheck],
 * });
 */
export const admissionWebhooks = (options: WebhooksOptions): Webhooks => {
  const { certificates, address, routes, maxInFlight, lameDuck, observer, onListening } = options;
  const ground = groundOf(options);
  const { clock } = ground;
  const registered = new RegisteredConfigurations({ ...ground, configurations: configurationsOf(options) });
  const source =
    "directory" in certificates
      ? new CertificateFiles({ ...ground, directory: certificates.directory, observer })
      : keeperOf(certificates, { ...ground, registered, observer });
  const writing = source instanceof CertificateKeeper ? registrations(source, { ...ground, registered }) : undefined;
  const served = { address, routes, certificates: source, maxInFlight, lameDuck, observer, onListening };
  const server = new AdmissionServer({ ...served, clock, log: ground.log });
  const watching: Runnable = { name: "webhook-configurations", run: ({ stop }) => registered.run(stop) };
  return {
    runnables: [server, source, watching, ...(writing === undefined ? [] : [writing.standIn])],
    led: (guarded) => (writing === undefined ? [] : [writing.led(guarded)]),
    readyCheck: webhookReadiness({
      certificates: source,
      writesBundles: writing !== undefined,
      registered,
      isServing: () => server.isServing,
      clock,
    }),
  };
};

/** Who does not make certificates writes no configuration either: what it should hold is somebody else's affair. */
const configurationsOf = ({ certificates, configurations }: WebhooksOptions): readonly ConfigurationReference[] =>
  "directory" in certificates ? configurations.map(({ kind, name }) => ({ kind, name })) : configurations;

/** The leader's registration, and the one that every replica has in reserve. */
const registrations = (
  certificates: CertificateKeeper,
  parts: Ground & { readonly registered: RegisteredConfigurations },
): { readonly standIn: Registration; readonly led: (guarded: Client) => Registration } => {
  let ofTerm: Registration | undefined;
  const isLeading = () => ofTerm?.isRunning ?? false;
  return {
    standIn: new Registration({ ...parts, certificates, standIn: { patience: STAND_IN_PATIENCE, isLeading } }),
    led: (client) => {
      ofTerm = new Registration({ ...parts, client, certificates });
      return ofTerm;
    },
  };
};

interface Ground {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly troubles: Troubles;
}

const groundOf = (options: WebhooksOptions): Ground => {
  const { client, clock = systemClock, random = Math.random, log = silentLogger } = options;
  return { client, clock, random, log, troubles: options.troubles ?? new Troubles({ clock, log }) };
};

const keeperOf = (
  certificates: Extract<WebhookCertificates, { readonly secret: ObjectKey }>,
  parts: Ground & { readonly registered: RegisteredConfigurations; readonly observer: WebhookObserver | undefined },
): CertificateKeeper & CertificateSource => {
  const { secret, servedAt, organization, policy } = certificates;
  const store = new CertificateStore({ ...parts, secret });
  const names = servingNames(servedAt);
  return new CertificateKeeper({ ...parts, store, names, organization, policy: { ...DEFAULT_POLICY, ...policy } });
};
