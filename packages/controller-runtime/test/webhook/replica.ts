import { Client } from "../../src/client/client.ts";
import type { Clock } from "../../src/clock.ts";
import type { ClusterConfig } from "../../src/config/cluster-config.ts";
import type { Runnable } from "../../src/manager/manager.ts";
import type { AdmissionRoute } from "../../src/webhook/admission-endpoint.ts";
import type { RotationPolicy } from "../../src/webhook/certificate-rotation.ts";
import type { ConfigurationReference, RegisteredWebhook } from "../../src/webhook/webhook-configuration.ts";
import type { WebhookObserver } from "../../src/webhook/webhook-observer.ts";
import { admissionWebhooks, type WebhookCertificates, type Webhooks } from "../../src/webhook/webhooks.ts";
import { recordedLog } from "../support/recorded-log.ts";

export interface ReplicaOptions {
  readonly config: ClusterConfig;
  readonly port: number;
  readonly secret: string;
  readonly routes: Readonly<Record<string, AdmissionRoute>>;
  readonly configurations: readonly ConfigurationReference[];
  readonly policy?: Partial<RotationPolicy>;
  readonly certificates?: WebhookCertificates;
  readonly clock?: Clock;
  readonly maxInFlight?: number;
  readonly observer?: WebhookObserver;
}

/** The field manager of what a leader registers. */
export const FIELD_MANAGER = "test-webhooks";
export const ORGANIZATION = "test-webhooks";

/** One process with webhooks, as a manager runs them, without a Lease: a test says who leads. */
export class WebhookReplica implements AsyncDisposable {
  readonly log = recordedLog();
  readonly webhooks: Webhooks;
  readonly #client: Client;
  readonly #stop = new AbortController();
  readonly #kill = new AbortController();
  readonly #running: Promise<unknown>;
  #term: { readonly stop: AbortController; readonly ended: Promise<unknown> } | undefined;

  constructor({ config, port, secret, certificates, policy, ...options }: ReplicaOptions) {
    this.#client = new Client(config, { fieldManager: FIELD_MANAGER });
    this.webhooks = admissionWebhooks({
      client: this.#client,
      address: { host: "127.0.0.1", port },
      certificates: certificates ?? {
        secret: { namespace: "default", name: secret },
        servedAt: { url: `https://127.0.0.1:${port}` },
        organization: ORGANIZATION,
        policy,
      },
      lameDuck: 100,
      log: this.log,
      ...options,
    });
    this.#running = this.#run(this.webhooks.runnables, this.#stop.signal);
  }

  /** Why it is not ready, `undefined` when it is. */
  get trouble(): string | undefined {
    return this.webhooks.readyCheck.check();
  }

  /** Leads until `standBy`. */
  lead(): this {
    const stop = new AbortController();
    this.#term = { stop, ended: this.#run(this.webhooks.led(this.#client), stop.signal) };
    return this;
  }

  async standBy(): Promise<void> {
    this.#term?.stop.abort();
    await this.#term?.ended;
    this.#term = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.standBy();
    this.#stop.abort();
    await this.#running;
    await this.#client.close();
  }

  #run(runnables: readonly Runnable[], stop: AbortSignal): Promise<unknown> {
    return Promise.all(runnables.map((runnable) => runnable.run({ stop, kill: this.#kill.signal })));
  }
}

/** A webhook for the creation of ConfigMaps in one namespace, which refuses them when it fails. */
export const webhookAt = (url: string, rest: object & { readonly name?: string } = {}): RegisteredWebhook => ({
  name: "config-maps.test.example.com",
  clientConfig: { url },
  ...whatItIsFor("admission"),
  ...rest,
});

export const whatItIsFor = (namespace: string) => ({
  rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }],
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
  failurePolicy: "Fail",
  sideEffects: "None",
  timeoutSeconds: 5,
  admissionReviewVersions: ["v1"],
});
