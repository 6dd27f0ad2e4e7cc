/** What a TLS connection to the API server needs; PEM text. */
export interface TlsMaterial {
  /** Certificates of the authorities to trust; absent = those of the system. */
  readonly ca?: string;
  /** Client certificate, with `key`. */
  readonly cert?: string;
  readonly key?: string;
  /** Name to verify instead of the host in the URL (`tls-server-name`). */
  readonly servername?: string;
  /** False only where the user's kubeconfig says `insecure-skip-tls-verify`. */
  readonly rejectUnauthorized: boolean;
}

/**
 * Where an API server is and as whom to speak to it. Credentials change while the process runs: a mounted token is
 * rotated every hour, an exec plugin's answer expires, a CA bundle is replaced. The client asks again each time.
 */
export interface ClusterConfig {
  /** `https://host:port`, without a trailing slash, with a path prefix where the kubeconfig has one. */
  readonly server: string;
  /** The namespace of the context, or of the Pod we run in; `default` otherwise. */
  readonly namespace: string;
  /** For messages: where this configuration comes from (`kubeconfig /home/u/.kube/config, context kind`). */
  readonly source: string;

  /** The TLS material as it is now; read for each new connection pool. */
  tls(): TlsMaterial;

  /** Calls `listener` after `tls()` changed: connections made from now on must use the new material. Returns unsubscribe. */
  onTlsChange(listener: () => void): () => void;

  /**
   * The value of the `Authorization` header now, `undefined` where there is none (client certificate). Returns a plain
   * value when the credential is at hand, a promise when it must be fetched (file changed, exec plugin).
   *
   * @throws Error with one clear line when a credential cannot be had.
   */
  authorization(): string | undefined | Promise<string | undefined>;

  /**
   * The server answered 401 to a request that carried `refused`. Reads the credential anew, one flight for all callers.
   *
   * @returns whether there is now another credential than `refused`, so that the request is worth one more try.
   */
  refresh(refused: string | undefined): Promise<boolean>;

  /** Ends watchers and timers. */
  close(): void;
}
