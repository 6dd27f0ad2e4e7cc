import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { FILE_CHECK_INTERVAL, readText } from "../config/files.ts";
import { checkedKeyPair, type KeyPair } from "../config/pem.ts";
import { describe } from "../errors.ts";
import { Alarm } from "../leader/alarm.ts";
import type { Logger } from "../log.ts";
import type { Runnable } from "../manager/manager.ts";
import { certificatesIn } from "./certificate.ts";
import {
  type CertificateObserver,
  type CertificateSource,
  type ServingCertificate,
  Subscribers,
} from "./certificate-source.ts";

export interface CertificateFilesOptions {
  /** A folder with `tls.crt` and `tls.key`: a Secret of cert-manager as a volume. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** Milliseconds between two looks at the files. Default 10,000. */
  readonly interval?: number | undefined;
  readonly observer?: CertificateObserver | undefined;
}

/**
 * Serves a certificate that somebody else makes and renews, cert-manager for one. No Secret is read, and no caBundle written:
 * cert-manager's cainjector does that.
 *
 * The files are read and compared, not watched; `config/files.ts` says why. Between the writes of the two they do not belong
 * together: until they do, and whenever they cannot be used, the certificate before is served.
 */
export class CertificateFiles implements Runnable, CertificateSource {
  readonly name = "webhook-certificates";
  readonly #options: CertificateFilesOptions;
  readonly #alarm: Alarm;
  readonly #subscribers = new Subscribers();
  #current: ServingCertificate | undefined;
  #reported: string | undefined;

  constructor(options: CertificateFilesOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
  }

  get current(): ServingCertificate | undefined {
    return this.#current;
  }

  get trouble(): string | undefined {
    if (this.#current !== undefined) return undefined;
    return this.#reported ?? `no certificate yet: it comes from ${this.#options.directory}`;
  }

  onChange(listener: () => void): () => void {
    return this.#subscribers.add(listener);
  }

  async run({ stop }: { readonly stop: AbortSignal }): Promise<void> {
    while (!stop.aborted) {
      await this.#look();
      await this.#alarm.wait(this.#options.interval ?? FILE_CHECK_INTERVAL, stop);
    }
  }

  async #look(): Promise<void> {
    const { directory, log, observer } = this.#options;
    try {
      this.#take(await read(directory));
      this.#reported = undefined;
    } catch (error) {
      const text = describe(error);
      observer?.onCertificateError("read");
      if (text === this.#reported) return;
      this.#reported = text;
      const meanwhile = this.#current === undefined ? "waiting for them" : "going on with the one before";
      log.warning(`the certificate files cannot be used; ${meanwhile}`, { error });
    }
  }

  #take(pair: KeyPair): void {
    const { log, observer } = this.#options;
    const [certificate] = certificatesIn(pair.cert);
    if (certificate === undefined || this.#isServed(pair)) return;
    if (this.#current !== undefined) observer?.onRotation("serving");
    this.#current = { ...pair, certificate };
    const until = new Date(certificate.notAfter).toISOString();
    log.info("serving a certificate", { certificate: certificate.id, until });
    observer?.onCertificates({ serving: certificate.notAfter, authority: undefined });
    this.#subscribers.tell();
  }

  #isServed({ cert, key }: KeyPair): boolean {
    return this.#current?.cert === cert && this.#current.key === key;
  }
}

const read = async (directory: string): Promise<KeyPair> => {
  const [cert, key] = await Promise.all([readText(join(directory, "tls.crt")), readText(join(directory, "tls.key"))]);
  return checkedKeyPair({ cert, key }, directory);
};
