import type { KeyPair } from "../config/pem.ts";
import type { Certificate } from "./certificate.ts";

/** A certificate to serve, and the key that belongs to it. */
export interface ServingCertificate extends KeyPair {
  readonly certificate: Certificate;
}

/** Where a server gets its certificate from. */
export interface CertificateSource {
  /** What is to be served now; `undefined` while there is none. */
  readonly current: ServingCertificate | undefined;
  /** Why there is none, for people; `undefined` when there is one. */
  readonly trouble: string | undefined;
  /** Calls `listener` whenever `current` is another; returns a function that ends it. */
  onChange(listener: () => void): () => void;
}

/** What is told of certificates; see `webhookMetrics`. Times in milliseconds of the wall clock. */
export interface CertificateObserver {
  /** Another certificate is served, or another authority is the newest; `undefined` = not known. */
  onCertificates(expiry: { readonly serving: number | undefined; readonly authority: number | undefined }): void;
  /** A certificate was replaced: in the Secret by this replica, or on disk. */
  onRotation(certificate: "serving" | "authority"): void;
  /** A certificate could not be read, made or stored. */
  onCertificateError(operation: "read" | "write"): void;
}

/** Functions that want to be told of something. */
export class Subscribers {
  readonly #listeners = new Set<() => void>();

  /** Adds one; returns a function that takes it out. */
  add(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
