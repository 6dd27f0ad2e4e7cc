import { Backoff, REFLECTOR_BACKOFF } from "../backoff.ts";
import { Troubles } from "../cache/troubles.ts";
import type { Client } from "../client/client.ts";
import type { Clock, Random } from "../clock.ts";
import { NotFoundError } from "../errors.ts";
import { Alarm } from "../leader/alarm.ts";
import type { Logger } from "../log.ts";
import type { Runnable } from "../manager/manager.ts";
import type { Stored } from "../object.ts";
import { resourceName } from "../resource.ts";
import { AccessTrouble } from "./access-trouble.ts";
import type { CertificateKeeper } from "./certificate-keeper.ts";
import { isRace } from "./certificate-store.ts";
import type { ConfigurationState, RegisteredConfigurations } from "./registered-configurations.ts";
import { type RegistrationChange, registrationAddition, registrationChange } from "./registration-difference.ts";
import { type ConfigurationReference, resourceOf, type WebhookConfiguration } from "./webhook-configuration.ts";

export interface RegistrationOptions {
  /**
   * Guarded by the term, but for a stand-in. Its field manager owns `caBundle`, and nothing else of a configuration that
   * others make.
   */
  readonly client: Client;
  readonly registered: RegisteredConfigurations;
  readonly certificates: Pick<CertificateKeeper, "authorities" | "onChange">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly troubles?: Troubles | undefined;
  /** Absent: this is the leader's. */
  readonly standIn?: StandIn | undefined;
}

/** How a replica registers in place of a leader that does not. */
export interface StandIn {
  /** Milliseconds that something has to be missing, seen all the time, before it is written. */
  readonly patience: number;
  /** Whether this very replica leads, and so has another registration at work. */
  readonly isLeading: () => boolean;
}

/** Between two repairs of one configuration: who strips it each time is not to be fought at full speed. */
const REPAIRS = { initial: 1_000, factor: 2, cap: 300_000, jitter: 0.2, resetAfter: 900_000 };
/** So many repairs in a row are not an accident. */
const FIGHT = 4;
/** The writes are few and small. */
const CALL = { timeout: 10_000, retries: 1 };
const IDLE = 600_000;

/**
 * Writes the authorities into the configurations, for as long as this replica leads. In a configuration that others make it
 * writes `webhooks[*].clientConfig.caBundle`, nothing else, and only where that differs.
 *
 * By a strategic merge patch, not by server-side apply: an apply would own the list entries too, and the chart that made them
 * could not take one out again (docs/decisions/009-admission-certificates.md).
 *
 * As a stand-in it does the part of that which a replica cannot be ready without, when no leader has done it for a while: in an
 * upgrade the leader may be an older version that registers nothing, or another Secret, and is not stopped before its successor
 * is ready. That needs no term: what it writes adds authorities that are in the Secret and takes none out, so no
 * certificate that is served is distrusted by it; a patch is for one state of the object (resourceVersion), so whoever is second
 * looks again; and it writes the same whenever it looks, so a late or a second one changes nothing.
 */
export class Registration implements Runnable {
  readonly name: string;
  readonly #options: RegistrationOptions;
  readonly #alarm: Alarm;
  readonly #configurations: ReadonlyMap<ConfigurationReference, Registrar>;
  #isRunning = false;

  constructor(options: RegistrationOptions) {
    const troubles = options.troubles ?? new Troubles(options);
    this.name = options.standIn === undefined ? "webhook-registration" : "webhook-registration-stand-in";
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
    this.#configurations = new Map(
      options.registered.states.map(({ reference }) => [reference, new Registrar(reference, { ...options, troubles })]),
    );
  }

  /** Whether `run` is under way. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  async run({ stop }: { readonly stop: AbortSignal }): Promise<void> {
    const { registered, certificates } = this.#options;
    this.#isRunning = true;
    const ring = () => this.#alarm.ring();
    const unlisten = [registered.onChange(ring), certificates.onChange(ring)];
    while (!stop.aborted) await this.#alarm.wait(await this.#settle(stop), stop);
    for (const end of unlisten) end();
    for (const registrar of this.#configurations.values()) registrar.end();
    this.#isRunning = false;
  }

  /** Looks at each configuration once. @returns the milliseconds after which to look again. */
  async #settle(stop: AbortSignal): Promise<number> {
    let next = IDLE;
    for (const state of this.#options.registered.states) {
      if (stop.aborted) break;
      const wait = await this.#configurations.get(state.reference)?.settle(state, stop);
      next = Math.min(next, wait ?? IDLE);
    }
    return next;
  }
}

/** Keeps one configuration right. */
class Registrar {
  readonly #reference: ConfigurationReference;
  readonly #options: RegistrationOptions;
  readonly #trouble: AccessTrouble;
  readonly #repairs: Backoff;
  readonly #failures: Backoff;
  /** No write before this time, by the monotonic clock. */
  #notBefore = Number.NEGATIVE_INFINITY;
  /** Repairs in a row, each soon after the one before. */
  #inRow = 0;
  /** Since when a stand-in has seen something missing, by the monotonic clock. */
  #missingSince: number | undefined;

  constructor(reference: ConfigurationReference, options: RegistrationOptions & { readonly troubles: Troubles }) {
    const { clock, random, log, troubles } = options;
    const resource = resourceName(resourceOf(reference));
    this.#reference = reference;
    this.#options = options;
    this.#repairs = new Backoff(REPAIRS, clock, random);
    this.#failures = new Backoff(REFLECTOR_BACKOFF, clock, random);
    this.#trouble = new AccessTrouble({
      log,
      troubles,
      watched: { resource: `${resource} ${reference.name}`, namespace: "" },
      what: `${reference.kind} ${reference.name}`,
      remedies: {
        read: `grant "get", "list" and "watch" on ${resource}`,
        write:
          reference.webhooks === undefined
            ? `grant "patch" on that one of ${resource}`
            : `grant "create", "update" and "patch" on ${resource}`,
      },
    });
  }

  /** @returns milliseconds after which to look again, `undefined` when only a change can bring something to do. */
  async settle(state: ConfigurationState, stop: AbortSignal): Promise<number | undefined> {
    const change = this.#changeOf(state);
    if (change === undefined) {
      this.#missingSince = undefined;
      return undefined;
    }
    const { clock } = this.#options;
    const wait = Math.max(this.#notBefore, this.#turn()) - clock.now();
    if (wait > 0) return wait;
    try {
      await this.#write(change, stop);
      this.#trouble.works("write");
      this.#failures.reset();
      this.#missingSince = undefined;
      this.#notBefore = clock.now() + this.#pause();
      return undefined;
    } catch (error) {
      // It has changed, or is gone: the watch will tell, and the next look is at what is then.
      const isOld = isRace(error) || error instanceof NotFoundError;
      if (!stop.aborted && !isOld) this.#trouble.report(error, "write");
      this.#notBefore = clock.now() + this.#failures.next();
      return this.#notBefore - clock.now();
    }
  }

  end(): void {
    this.#trouble.end();
  }

  #changeOf(state: ConfigurationState): RegistrationChange | undefined {
    const { authorities } = this.#options.certificates;
    if (authorities === undefined || state.state === "unknown" || state.state === "forbidden") return undefined;
    const present = state.state === "present" ? state.object : undefined;
    const changeFor = this.#options.standIn === undefined ? registrationChange : registrationAddition;
    return changeFor(this.#reference, present, authorities);
  }

  /** From when this replica may write what is missing, by the monotonic clock: a stand-in after its patience. */
  #turn(): number {
    const { standIn, clock } = this.#options;
    if (standIn === undefined) return Number.NEGATIVE_INFINITY;
    if (standIn.isLeading()) this.#missingSince = clock.now();
    this.#missingSince ??= clock.now();
    return this.#missingSince + standIn.patience;
  }

  async #write(change: RegistrationChange, signal: AbortSignal): Promise<void> {
    const { client, registered, log, standIn } = this.#options;
    const { kind, name } = this.#reference;
    const { object, base } = await this.#send(client, change, { ...CALL, signal });
    registered.noteWritten(this.#reference, object, base);
    const whose = standIn === undefined ? "" : ", which the leader has not done";
    log.info(`registered the webhooks' certificate authorities${whose}`, { kind, name, change: change.kind });
  }

  async #send(
    client: Client,
    change: RegistrationChange,
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly object: Stored<WebhookConfiguration>; readonly base: string | undefined }> {
    const resource = resourceOf(this.#reference);
    const { name } = this.#reference;
    switch (change.kind) {
      case "create":
        return { object: await client.create(resource, change.object, options), base: undefined };
      case "replace": {
        const base = change.object.metadata.resourceVersion;
        return { object: await client.update(resource, change.object, options), base };
      }
      case "patch": {
        const object = await client.patch(resource, { namespace: "", name }, change.patch, {
          ...options,
          type: "strategic",
        });
        return { object, base: change.base };
      }
    }
  }

  /** How long the configuration is left alone after a repair. */
  #pause(): number {
    const { log } = this.#options;
    const pause = this.#repairs.next();
    this.#inRow = pause < REPAIRS.initial * REPAIRS.factor ? 1 : this.#inRow + 1;
    if (this.#inRow === FIGHT) {
      const { kind, name } = this.#reference;
      const what = `others keep changing the webhooks of ${kind} ${name}`;
      log.warning(`${what}: have them leave clientConfig.caBundle alone`, { repairs: this.#inRow });
    }
    return pause;
  }
}
