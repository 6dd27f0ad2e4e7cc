import type { Secret } from "kubernetes-types/core/v1.d.ts";
import { Informer } from "../cache/informer.ts";
import { Troubles } from "../cache/troubles.ts";
import type { Client } from "../client/client.ts";
import type { Clock, Random } from "../clock.ts";
import { AlreadyExistsError, ConflictError, NotFoundError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { keyString, type ObjectKey, type Stored } from "../object.ts";
import { Secrets } from "../resource.ts";
import { AccessTrouble } from "./access-trouble.ts";
import { type Holding, SECRET_TYPE, secretDataOf } from "./certificate-holding.ts";

export interface CertificateStoreOptions {
  readonly client: Client;
  /** The one Secret that is touched. */
  readonly secret: ObjectKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly troubles?: Troubles | undefined;
}

/** A request for a Secret is small. What takes longer is tried again by the keeper, which says so. */
const CALL = { timeout: 10_000, retries: 1 };
const WHAT_CHANGES = { data: "digest" } as const;

/**
 * The Secret in which all replicas share their certificates. It is read by name, always anew; a watch of that one name only
 * says when. So nothing depends on the watch being allowed, and no other Secret is ever seen: RBAC lets a list and a watch
 * with `metadata.name=NAME` pass by `resourceNames`.
 */
export class CertificateStore {
  readonly #options: CertificateStoreOptions;
  readonly #informer: Informer<Secret>;
  readonly #trouble: AccessTrouble;
  readonly key: ObjectKey;

  constructor(options: CertificateStoreOptions) {
    const { client, secret, clock, random, log } = options;
    const troubles = options.troubles ?? new Troubles({ clock, log });
    this.#options = options;
    this.key = secret;
    // The private keys stay out of the cache.
    this.#informer = new Informer({
      client,
      resource: Secrets,
      scope: { namespaces: [secret.namespace], fieldSelector: `metadata.name=${secret.name}` },
      projection: WHAT_CHANGES,
      clock,
      random,
      log,
      troubles,
    });
    const { namespace, name } = secret;
    this.#trouble = new AccessTrouble({
      log,
      troubles,
      watched: { resource: `secret ${name}`, namespace },
      what: `secret ${keyString(namespace, name)}`,
      remedies: {
        read: `grant "get" on that secret`,
        write: `grant "create" on secrets in namespace ${namespace}, and "update" on that one`,
      },
    });
  }

  /** Whether changes are told; else the Secret has to be asked for now and then. */
  get isWatched(): boolean {
    return this.#informer.synced && this.#informer.problem === undefined;
  }

  /** Watches until `signal` aborts; `onChange` is called whenever the Secret may have changed. */
  async run(signal: AbortSignal, onChange: () => void): Promise<void> {
    const unlisten = this.#informer.onChange(onChange);
    await this.#informer.run(signal);
    unlisten();
    this.#trouble.end();
  }

  /** @returns `undefined` when there is none. @throws as `Client.get`; the log has been told. */
  async read(signal: AbortSignal): Promise<Stored<Secret> | undefined> {
    return this.#telling("read", signal, () => this.#find(signal));
  }

  /**
   * Writes a holding, over `before` if that is still what is there.
   *
   * @throws ConflictError, AlreadyExistsError when another replica was first: read again. Others as `Client.update`.
   */
  async write(holding: Holding, before: Stored<Secret> | undefined, signal: AbortSignal): Promise<void> {
    const { client, secret } = this.#options;
    await this.#telling("write", signal, async () => {
      if (before === undefined) {
        const object = { metadata: { ...secret }, type: SECRET_TYPE, data: secretDataOf(holding) };
        return client.create(Secrets, object, { ...CALL, signal });
      }
      const data = secretDataOf(holding, before.data);
      return client.update(Secrets, { ...before, data }, { ...CALL, signal });
    });
  }

  async #find(signal: AbortSignal): Promise<Stored<Secret> | undefined> {
    try {
      return await this.#options.client.get(Secrets, this.key, { ...CALL, signal });
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  async #telling<T>(doing: "read" | "write", signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.#trouble.works(doing);
      return result;
    } catch (error) {
      if (!signal.aborted && !isRace(error)) this.#trouble.report(error, doing);
      throw error;
    }
  }
}

/** Whether a write failed because somebody else has written meanwhile. */
export const isRace = (error: unknown): boolean =>
  error instanceof ConflictError || error instanceof AlreadyExistsError;
