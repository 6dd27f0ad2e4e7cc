import type { Clock } from "../clock.ts";
import { type Logger, silentLogger } from "../log.ts";
import type { ClusterConfig, TlsMaterial } from "./cluster-config.ts";
import type { KeyPair } from "./pem.ts";
import { type Load, Refreshed } from "./refreshed.ts";

/** As whom to speak: a header, a client certificate, both, or neither. */
export interface Credential {
  readonly authorization?: string | undefined;
  readonly pair?: KeyPair | undefined;
}

/** PEM of the authorities to trust; without `ca`, those of the system. */
export interface CaBundle {
  readonly ca?: string | undefined;
}

export interface LiveConfigOptions {
  readonly server: string;
  readonly namespace: string;
  readonly source: string;
  readonly servername?: string | undefined;
  readonly rejectUnauthorized: boolean;
  readonly ca: Load<CaBundle>;
  /** The parts of the credential, each with its own life; what a later one has beats an earlier one. */
  readonly credentials: readonly CredentialPart[];
  readonly clock: Clock;
  readonly logger?: Logger | undefined;
  /** Ends what `credentials` hold. */
  readonly onClose?: () => void;
}

export interface CredentialPart {
  readonly load: Load<Credential>;
  /** See `RefreshedOptions`. */
  readonly minInterval?: number;
}

/** Loads all parts once, so that what is wrong is known at the start. @throws what a load throws. */
export const liveConfig = async (options: LiveConfigOptions): Promise<ClusterConfig> => {
  const { clock } = options;
  const ca = await Refreshed.start({ load: options.ca, clock });
  const parts = await Promise.all(options.credentials.map((part) => Refreshed.start({ ...part, clock })));
  return new LiveConfig(options, ca, parts);
};

class LiveConfig implements ClusterConfig {
  readonly #options: LiveConfigOptions;
  readonly #ca: Refreshed<CaBundle>;
  readonly #parts: readonly Refreshed<Credential>[];
  readonly #listeners = new Set<() => void>();
  #credential: Credential;
  #tls: TlsMaterial;

  constructor(options: LiveConfigOptions, ca: Refreshed<CaBundle>, parts: readonly Refreshed<Credential>[]) {
    this.#options = options;
    this.#ca = ca;
    this.#parts = parts;
    this.#credential = this.#merged();
    this.#tls = this.#material();
  }

  get server(): string {
    return this.#options.server;
  }

  get namespace(): string {
    return this.#options.namespace;
  }

  get source(): string {
    return this.#options.source;
  }

  tls(): TlsMaterial {
    return this.#tls;
  }

  onTlsChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  authorization(): string | undefined | Promise<string | undefined> {
    if (this.#ca.isFresh() && this.#parts.every((part) => part.isFresh())) return this.#credential.authorization;
    return this.#renew();
  }

  async refresh(refused: string | undefined): Promise<boolean> {
    // Another caller, or the regular check, was faster.
    if (this.#credential.authorization !== refused) return true;
    const { cert } = this.#tls;
    try {
      await Promise.all(this.#parts.map((part) => part.reload()));
    } catch (error) {
      this.#logger.warning("Credential was refused and cannot be renewed", { error });
    }
    this.#settle();
    return this.#credential.authorization !== refused || this.#tls.cert !== cert;
  }

  close(): void {
    this.#listeners.clear();
    this.#options.onClose?.();
  }

  get #logger(): Logger {
    return this.#options.logger ?? silentLogger;
  }

  async #renew(): Promise<string | undefined> {
    await Promise.all([this.#ca.get(), ...this.#parts.map((part) => part.get())]);
    this.#settle();
    return this.#credential.authorization;
  }

  /** Takes over what the loads brought; many waiters of one load come by here, the first finds the difference. */
  #settle(): void {
    this.#credential = this.#merged();
    const before = this.#tls;
    const after = this.#material();
    if (before.ca === after.ca && before.cert === after.cert && before.key === after.key) return;
    this.#tls = after;
    this.#logger.info("TLS material changed, new connections use it", { source: this.source });
    for (const listener of this.#listeners) listener();
  }

  #merged(): Credential {
    const authorization = this.#parts.findLast((part) => part.value.authorization !== undefined)?.value.authorization;
    const pair = this.#parts.findLast((part) => part.value.pair !== undefined)?.value.pair;
    return { authorization, pair };
  }

  #material(): TlsMaterial {
    const { servername, rejectUnauthorized } = this.#options;
    const { ca } = this.#ca.value;
    return {
      ...(ca !== undefined && { ca }),
      ...this.#credential.pair,
      ...(servername !== undefined && { servername }),
      rejectUnauthorized,
    };
  }
}
