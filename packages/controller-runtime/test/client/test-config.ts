import type { ClusterConfig, TlsMaterial } from "../../src/config/cluster-config.ts";
import { type HttpsServer, SERVER_NAME } from "./https-server.ts";

/** A cluster configuration that a test changes as it goes. */
export class TestConfig implements ClusterConfig {
  readonly namespace = "default";
  readonly source = "test";
  readonly server: string;
  /** What `refresh` was told was refused, in order. */
  readonly refused: (string | undefined)[] = [];
  authorization: ClusterConfig["authorization"] = () => undefined;
  /** What `refresh` does besides. */
  onRefresh: () => boolean | Promise<boolean> = () => false;
  readonly #listeners = new Set<() => void>();
  #tls: TlsMaterial;

  constructor(server: string, tls: TlsMaterial) {
    this.server = server;
    this.#tls = tls;
  }

  /** For a server of `startHttpsServer`. */
  static for(server: Pick<HttpsServer, "url" | "ca">, path = ""): TestConfig {
    return new TestConfig(server.url + path, { ca: server.ca, servername: SERVER_NAME, rejectUnauthorized: true });
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  tls(): TlsMaterial {
    return this.#tls;
  }

  onTlsChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  changeTls(tls: TlsMaterial): void {
    this.#tls = tls;
    for (const listener of this.#listeners) listener();
  }

  async refresh(refused: string | undefined): Promise<boolean> {
    this.refused.push(refused);
    return this.onRefresh();
  }

  close(): void {}
}
