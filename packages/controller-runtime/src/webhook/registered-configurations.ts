import { Informer, type InformerObserver } from "../cache/informer.ts";
import type { ListWatch } from "../cache/reflector.ts";
import { Troubles } from "../cache/troubles.ts";
import type { Clock, Random } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { Stored } from "../object.ts";
import type { Certificate } from "./certificate.ts";
import type { Trust } from "./certificate-rotation.ts";
import {
  type ConfigurationReference,
  registeredWith,
  resourceOf,
  type WebhookConfiguration,
} from "./webhook-configuration.ts";

/** One configuration, as it is known. */
export type ConfigurationState = { readonly reference: ConfigurationReference } & (
  | { readonly state: "unknown" | "forbidden" | "missing" }
  | { readonly state: "present"; readonly object: Stored<WebhookConfiguration> }
);

export interface RegisteredConfigurationsOptions {
  readonly client: ListWatch;
  readonly configurations: readonly ConfigurationReference[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly troubles?: Troubles | undefined;
  readonly observer?: InformerObserver | undefined;
}

interface Mirrored {
  readonly reference: ConfigurationReference;
  readonly informer: Informer<WebhookConfiguration>;
}

/**
 * The configurations by which the API server calls us, each watched by its name, in every replica: what is registered decides
 * which certificate may be served. RBAC lets a list and a watch with `metadata.name=NAME` pass by `resourceNames`.
 */
export class RegisteredConfigurations {
  readonly #mirrored: readonly Mirrored[];
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Of those that somebody else has to make, the ones that are missing: said once each, until they are there. */
  readonly #missing = new Set<ConfigurationReference>();
  readonly #listeners = new Set<() => void>();
  /** Since when each authority is registered everywhere, by the monotonic clock. */
  #since: ReadonlyMap<string, number> | undefined;

  constructor(options: RegisteredConfigurationsOptions) {
    const { configurations, ...shared } = options;
    const troubles = options.troubles ?? new Troubles(options);
    this.#clock = options.clock;
    this.#log = options.log;
    this.#mirrored = configurations.map((reference) => ({
      reference,
      informer: new Informer({
        ...shared,
        troubles,
        resource: resourceOf(reference),
        scope: { namespaces: [""], fieldSelector: `metadata.name=${reference.name}` },
        projection: true,
      }),
    }));
    for (const { informer } of this.#mirrored) {
      informer.onChange(() => this.#look());
      informer.onSynced(() => this.#look());
    }
  }

  /** All of them, as they are now. */
  get states(): readonly ConfigurationState[] {
    return this.#mirrored.map(stateOf);
  }

  /** For how long each authority has been in all bundles, as far as this process has seen. */
  get trust(): Trust {
    const now = this.#clock.now();
    if (this.#since === undefined) return "unknown";
    return new Map([...this.#since].map(([id, since]) => [id, now - since]));
  }

  /** All certificates that are in any bundle, each once. */
  get registered(): readonly Certificate[] {
    const found = new Map<string, Certificate>();
    for (const state of this.states) {
      const webhooks = state.state === "present" ? (state.object.webhooks ?? []) : [];
      for (const certificate of webhooks.flatMap(registeredWith)) found.set(certificate.id, certificate);
    }
    return [...found.values()];
  }

  /** Watches until `signal` aborts. Called once. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#mirrored.map(({ informer }) => informer.run(signal)));
  }

  /** Calls `listener` whenever one of them may have changed; returns a function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes the answer to a write of ours, so that it is not written again before the watch tells of it. */
  noteWritten(reference: ConfigurationReference, object: Stored<WebhookConfiguration>, base: string | undefined): void {
    const mirrored = this.#mirrored.find((each) => each.reference === reference);
    mirrored?.informer.noteWritten(object, { base });
  }

  #look(): void {
    this.#since = this.#trustedSince();
    for (const state of this.states) this.#tellMissing(state);
    for (const listener of [...this.#listeners]) listener();
  }

  #tellMissing({ reference, state }: ConfigurationState): void {
    if (state !== "missing" || reference.webhooks !== undefined) {
      this.#missing.delete(reference);
      return;
    }
    if (this.#missing.has(reference)) return;
    this.#missing.add(reference);
    const { kind, name } = reference;
    this.#log.warning(`${kind} ${name} is missing: nothing is admitted by us until it is applied`);
  }

  /** An authority counts from when it came to be in the last bundle that lacked it. */
  #trustedSince(): ReadonlyMap<string, number> | undefined {
    const { states } = this;
    if (states.some(({ state }) => state === "unknown" || state === "forbidden")) return undefined;
    const bundles = states.flatMap((state) => (state.state === "present" ? (state.object.webhooks ?? []) : []));
    const [first = new Set<string>(), ...others] = bundles.map((webhook) => new Set(registeredWith(webhook).map(idOf)));
    const common = others.reduce((all, bundle) => all.intersection(bundle), first);
    const now = this.#clock.now();
    return new Map([...common].map((id) => [id, this.#since?.get(id) ?? now]));
  }
}

const idOf = ({ id }: Certificate): string => id;

const stateOf = ({ reference, informer }: Mirrored): ConfigurationState => {
  if (!informer.synced) return { reference, state: informer.problem?.kind === "forbidden" ? "forbidden" : "unknown" };
  const object = informer.get(reference.name);
  return object === undefined ? { reference, state: "missing" } : { reference, state: "present", object };
};
