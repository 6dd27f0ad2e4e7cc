import { type Agent, request } from "node:https";
import { AdmissionServer, type AdmissionServerOptions } from "../../src/webhook/admission-server.ts";
import { certificatesIn } from "../../src/webhook/certificate.ts";
import { createAuthority, issueLeaf } from "../../src/webhook/certificate-authority.ts";
import { type CertificateSource, type ServingCertificate, Subscribers } from "../../src/webhook/certificate-source.ts";
import { recordedLog } from "../support/recorded-log.ts";

const HOUR = 3_600_000;

/** A validity around now. */
export const aroundNow = () => ({ notBefore: Date.now() - HOUR, notAfter: Date.now() + HOUR });

/** A certificate for 127.0.0.1, and the authority that has signed it. */
export const servingPair = async (): Promise<{ readonly ca: string; readonly serving: ServingCertificate }> => {
  const issuer = await createAuthority({ organization: "test", ...aroundNow() });
  const pair = await issueLeaf({ issuer, names: ["127.0.0.1"], ...aroundNow() });
  const [certificate] = certificatesIn(pair.cert);
  if (certificate === undefined) throw new Error("no certificate");
  return { ca: issuer.cert, serving: { ...pair, certificate } };
};

/** A source whose certificate a test replaces. */
export class FixedSource implements CertificateSource {
  readonly #subscribers = new Subscribers();
  readonly trouble = undefined;
  current: ServingCertificate | undefined;

  constructor(current?: ServingCertificate) {
    this.current = current;
  }

  onChange(listener: () => void): () => void {
    return this.#subscribers.add(listener);
  }

  replace(current: ServingCertificate): void {
    this.current = current;
    this.#subscribers.tell();
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface Sending {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
  /** Default: a connection of its own. */
  readonly agent?: Agent;
}

/** Sends one request, by default with the headers of a review. */
export const send = (port: number, ca: string, sending: Sending = {}): Promise<Answer> => {
  const { method = "POST", path = "/validate", headers, body = "", signal, agent } = sending;
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, ca, method, path, signal, agent: agent ?? false };
    const sent = request({ ...options, headers: { "content-type": "application/json", ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode = 0 } = response;
        resolve({ status: statusCode, headers: response.headers, text: Buffer.concat(chunks).toString("utf8") });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
};

/** A server on a free port of 127.0.0.1, and what a test does with it. */
export const startServer = async (
  options: Partial<AdmissionServerOptions> & Pick<AdmissionServerOptions, "routes">,
) => {
  const { ca, serving } = await servingPair();
  const log = recordedLog();
  const source = new FixedSource(serving);
  const stop = new AbortController();
  const kill = new AbortController();
  const { promise: listening, resolve } = Promise.withResolvers<number>();
  const server = new AdmissionServer({
    address: { host: "127.0.0.1", port: 0 },
    certificates: source,
    lameDuck: 0,
    log,
    onListening: resolve,
    ...options,
  });
  const ended = server.run({ stop: stop.signal, kill: kill.signal });
  const port = await Promise.race([listening, ended.then(() => -1)]);
  return {
    server,
    port,
    ca,
    source,
    log,
    stop,
    kill,
    ended,
    send: (sending?: Sending) => send(port, ca, sending),
    async [Symbol.asyncDispose]() {
      stop.abort();
      kill.abort();
      await ended;
    },
  };
};

/** An AdmissionReview for the creation of a ConfigMap; `request` replaces parts. */
export const review = (request: object = {}, envelope: object = {}): string =>
  JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "0df28fbd-5f5f-11e8-bc74-36e6bb280816",
      kind: { group: "", version: "v1", kind: "ConfigMap" },
      resource: { group: "", version: "v1", resource: "configmaps" },
      requestKind: { group: "", version: "v1", kind: "ConfigMap" },
      requestResource: { group: "", version: "v1", resource: "configmaps" },
      name: "settings",
      namespace: "default",
      operation: "CREATE",
      userInfo: { username: "jane", uid: "7", groups: ["system:authenticated"], extra: { scopes: ["a", "b"] } },
      object: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { size: "3" } },
      oldObject: null,
      dryRun: false,
      options: { apiVersion: "meta.k8s.io/v1", kind: "CreateOptions" },
      ...request,
    },
    ...envelope,
  });
