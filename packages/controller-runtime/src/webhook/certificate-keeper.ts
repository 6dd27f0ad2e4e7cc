import type { Secret } from "kubernetes-types/core/v1.d.ts";
import { Backoff, REFLECTOR_BACKOFF } from "../backoff.ts";
import type { Clock, Random } from "../clock.ts";
import { Alarm } from "../leader/alarm.ts";
import type { Logger } from "../log.ts";
import type { Runnable } from "../manager/manager.ts";
import { keyString, type Stored } from "../object.ts";
import { type Certificate, organizationOf } from "./certificate.ts";
import { carriedOut } from "./certificate-change.ts";
import { factsOf, type Holding, holdingOf, leafFacts, NOTHING } from "./certificate-holding.ts";
import {
  type Change,
  keepsRegistered,
  lookInterval,
  nextStep,
  type RotationPolicy,
  type RotationView,
  type Trust,
} from "./certificate-rotation.ts";
import {
  type CertificateObserver,
  type CertificateSource,
  type ServingCertificate,
  Subscribers,
} from "./certificate-source.ts";
import { type CertificateStore, isRace } from "./certificate-store.ts";
import type { RegisteredConfigurations } from "./registered-configurations.ts";

export interface CertificateKeeperOptions {
  readonly store: Pick<CertificateStore, "key" | "isWatched" | "run" | "read" | "write">;
  readonly registered: Pick<RegisteredConfigurations, "trust" | "registered" | "onChange">;
  readonly policy: RotationPolicy;
  /** Names that the certificate is for; see `servingNames`. */
  readonly names: readonly string[];
  /** How our own authorities are known among others in a caBundle; their subjects' organisation. */
  readonly organization: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly observer?: CertificateObserver | undefined;
}

/** How often a Secret that must not be watched is read, milliseconds. */
const POLL_INTERVAL = 30_000;
/** Who lost a race reads again soon, but not together with the others who did. */
const RACE_PAUSE = 200;

/**
 * Keeps the certificates of a replica: reads the Secret that all share, makes what is missing or due, and says what to serve
 * and which authorities to register. What is to be done is decided by `nextStep`; each replica does it, and whoever is first
 * wins: the others find the outcome in the Secret.
 */
export class CertificateKeeper implements Runnable, CertificateSource {
  readonly name = "webhook-certificates";
  readonly #options: CertificateKeeperOptions;
  readonly #alarm: Alarm;
  readonly #backoff: Backoff;
  readonly #subscribers = new Subscribers();
  /** The Secret's content when it was read last. */
  #held: Holding | undefined;
  /** The last attempt to read it failed, or is under way: others may have changed it since. */
  #isBlind = true;
  /** What is served, with the authorities that it came with. */
  #serving = NOTHING;
  #current: ServingCertificate | undefined;
  /** The state of the Secret, and since when it has been that, by the monotonic clock. */
  #seen: { readonly version: string; readonly since: number } | undefined;

  constructor(options: CertificateKeeperOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
    this.#backoff = new Backoff(REFLECTOR_BACKOFF, options.clock, options.random);
  }

  get current(): ServingCertificate | undefined {
    return this.#current;
  }

  get trouble(): string | undefined {
    if (this.#current !== undefined) return undefined;
    const { namespace, name } = this.#options.store.key;
    return `no certificate yet: it comes from secret ${keyString(namespace, name)}`;
  }

  onChange(listener: () => void): () => void {
    return this.#subscribers.add(listener);
  }

  /**
   * The authorities that a caBundle has to have now; `undefined` while nobody knows, or this replica cannot read the Secret.
   * Beside those in there, those of our own that are registered stay for as long as some replica may serve a leaf of theirs:
   * also one that has come lately, since in an upgrade that gives the Secret another name the new replicas have another CA.
   */
  get authorities(): readonly Certificate[] | undefined {
    if (this.#isBlind || this.#held?.leaf === undefined) return undefined;
    const view = this.#view(this.#held);
    const held = this.#held.authorities.map(({ certificate }) => certificate);
    const keepsAll = keepsRegistered(view, this.#options.policy);
    const known = new Set(held.map(({ id }) => id));
    const others = this.#options.registered.registered
      .filter((certificate) => this.#isOwn(certificate) && certificate.notAfter > view.now)
      .filter(({ id }) => !known.has(id) && (keepsAll || isRecent(view.trust, id, this.#options.policy)));
    return [...held, ...others];
  }

  async run({ stop }: { readonly stop: AbortSignal }): Promise<void> {
    const { store, registered } = this.#options;
    const ring = () => this.#alarm.ring();
    const unlisten = registered.onChange(ring);
    const watching = store.run(stop, ring);
    while (!stop.aborted) await this.#alarm.wait(await this.#look(stop), stop);
    unlisten();
    await watching;
  }

  /** Reads, decides, serves, writes. @returns the milliseconds after which to look again. */
  async #look(stop: AbortSignal): Promise<number> {
    const { store, random, observer, policy } = this.#options;
    let doing: "read" | "write" = "read";
    try {
      this.#isBlind = true;
      const secret = await store.read(stop);
      this.#isBlind = false;
      const held = secret === undefined ? NOTHING : holdingOf(secret);
      this.#note(secret?.metadata.resourceVersion ?? "");
      const step = this.#take(held);
      doing = "write";
      if (step.change !== undefined) await this.#write(step.change, { held, secret }, stop);
      this.#backoff.reset();
      if (step.change !== undefined) return 0;
      const interval = lookInterval(policy);
      return store.isWatched ? interval : Math.min(interval, POLL_INTERVAL);
    } catch (error) {
      if (stop.aborted) return 0;
      if (isRace(error)) return RACE_PAUSE * random();
      observer?.onCertificateError(doing);
      this.#options.log.debug("the certificates could not be kept", { error });
      return this.#backoff.next();
    }
  }

  #note(version: string): void {
    if (this.#seen?.version !== version) this.#seen = { version, since: this.#options.clock.now() };
  }

  /** Takes what the Secret holds: serves it if it may be. @returns what is to be done next. */
  #take(held: Holding) {
    const { policy } = this.#options;
    this.#held = held;
    const step = nextStep(this.#view(held), policy);
    if (step.serve === "held") this.#serve(held);
    this.#tellExpiry();
    this.#subscribers.tell();
    return step;
  }

  #view(held: Holding): RotationView {
    const { clock, registered, names } = this.#options;
    const { leaf } = this.#serving;
    return {
      now: clock.date().getTime(),
      held: factsOf(held, names),
      heldFor: this.#seen === undefined ? 0 : clock.now() - this.#seen.since,
      trust: registered.trust,
      serving: leaf && leafFacts(leaf, names),
    };
  }

  #serve(held: Holding): void {
    const { leaf } = held;
    if (leaf === undefined) return;
    const isOther = leaf.certificate.id !== this.#current?.certificate.id;
    this.#serving = held;
    if (!isOther) return;
    const { certificate, key } = leaf;
    this.#current = { cert: certificate.pem, key, certificate };
    const until = new Date(certificate.notAfter).toISOString();
    this.#options.log.info("serving a certificate", { certificate: certificate.id, until });
  }

  async #write(change: Change, { held, secret }: Read, stop: AbortSignal): Promise<void> {
    const { store, policy, names, organization, clock, log, observer } = this.#options;
    const context = { policy, names, organization, now: clock.date().getTime(), serving: this.#serving };
    await store.write(await carriedOut(change, held, context), secret, stop);
    log.info(TOLD[change.kind], { secret: keyString(store.key.namespace, store.key.name) });
    if (change.kind === "start" || change.kind === "add-authority") observer?.onRotation("authority");
    if (change.kind === "start" || change.kind === "issue-leaf") observer?.onRotation("serving");
  }

  #tellExpiry(): void {
    const newest = this.#held?.authorities[0]?.certificate;
    const serving = this.#serving.leaf?.certificate;
    this.#options.observer?.onCertificates({ serving: serving?.notAfter, authority: newest?.notAfter });
  }

  #isOwn(certificate: Certificate): boolean {
    return certificate.x509.ca && organizationOf(certificate) === this.#options.organization;
  }
}

/** Whether an authority is in all bundles, but not yet for so long that who brought it must have been replaced or be leading. */
const isRecent = (trust: Trust, id: string, { propagation }: RotationPolicy): boolean =>
  trust !== "unknown" && (trust.get(id) ?? Number.POSITIVE_INFINITY) < 3 * propagation;

interface Read {
  readonly held: Holding;
  readonly secret: Stored<Secret> | undefined;
}

const TOLD: Readonly<Record<Change["kind"], string>> = {
  start: "made a CA and a serving certificate",
  restore: "put certificates back into their secret",
  "add-authority": "made a new CA, which signs once it is registered",
  "issue-leaf": "made a new serving certificate",
  "drop-authorities": "took CAs out that sign no certificate in use",
};
