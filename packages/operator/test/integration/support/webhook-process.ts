import { once } from "node:events";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import type { Cluster } from "@pcmc/devcluster";
import { freePort } from "@pcmc/devcluster";
import { eventually } from "./eventually.ts";
import { ManagerProcess } from "./manager-process.ts";

/** A manager outside the cluster that serves its webhooks on a port of its own. */
export interface WebhookProcess extends AsyncDisposable {
  readonly manager: ManagerProcess;
  readonly port: number;
}

/** Starts one, without an election, for an API server that reaches it at 127.0.0.1; `env` may say otherwise, and `args` what it runs. */
export const startWebhook = async (
  { kubeconfig }: Pick<Cluster, "kubeconfig">,
  env: Readonly<Record<string, string>> = {},
  args?: string[],
): Promise<WebhookProcess> => {
  const port = await freePort();
  const settings = {
    KUBECONFIG: kubeconfig,
    LEADER_ELECTION_ENABLED: "false",
    WEBHOOK_URL: `https://127.0.0.1:${port}`,
    WEBHOOK_ADDR: `127.0.0.1:${port}`,
  };
  const manager = await ManagerProcess.start({ ...settings, ...env }, args);
  return { manager, port, [Symbol.asyncDispose]: () => manager[Symbol.asyncDispose]() };
};

/** The fingerprint of the certificate that is served on a port now. */
export const servedOn = async (port: number): Promise<string> => {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect");
    return socket.getPeerCertificate().fingerprint256;
  } finally {
    socket.destroy();
  }
};

/** What of a webhook configuration the tests look at. */
interface Registered {
  readonly webhooks: readonly { readonly name: string; readonly clientConfig: Readonly<Record<string, unknown>> }[];
}

export const CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
export const CONFIGURATION = `${CONFIGURATIONS}/podconfigmap-controller`;

/** The one webhook that is registered. */
export const registered = async (cluster: Cluster) => {
  const { webhooks } = await cluster.request<Registered>("GET", CONFIGURATION);
  const [webhook] = webhooks;
  if (webhook === undefined) throw new Error("the configuration has no webhook");
  return webhook;
};

/** Its caBundle as PEM; empty while there is none. */
export const registeredBundle = async (cluster: Cluster): Promise<string> => {
  const { caBundle } = (await registered(cluster)).clientConfig;
  return typeof caBundle === "string" ? Buffer.from(caBundle, "base64").toString() : "";
};

export const SECRET = "/api/v1/namespaces/default/secrets/podconfigmap-controller-webhook-cert";

/** A field of the Secret of certificates, decoded. */
export const inSecret = async (cluster: Cluster, field: string): Promise<string> => {
  const { data } = await cluster.request<{ data: Record<string, string> }>("GET", SECRET);
  return Buffer.from(data[field] ?? "", "base64").toString();
};

/** Where a replica is, and what its certificate has to be for. */
export interface ReplicaAddress {
  readonly port: number;
  readonly ca: string;
  /** The Service's name, as an API server asks for it. Default: the address. */
  readonly servername?: string;
}

/** What of an object a review is made of. */
interface Written {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

/** A review of the creation of this PodConfigMapConfig by an admin. */
export const creationOf = (namespace: string, object: Written) => {
  const group = "podconfig.example.com";
  const version = "v1alpha1";
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: "0df28fbd-5f5f-11e8-bc74-36e6bb280816",
      kind: { group, version, kind: "PodConfigMapConfig" },
      resource: { group, version, resource: "podconfigmapconfigs" },
      name: object.metadata.name,
      namespace,
      operation: "CREATE",
      userInfo: { username: "admin", groups: ["system:masters"] },
      object,
    },
  };
};

/** Sends a review to one replica as an API server does. @throws where the certificate is not as it has to be. */
export const reviewAt = async (
  { port, ca, servername }: ReplicaAddress,
  review: object,
): Promise<{ readonly response: Readonly<Record<string, unknown>> }> => {
  const sent = request({
    host: "127.0.0.1",
    port,
    ca,
    ...(servername !== undefined && { servername }),
    method: "POST",
    // The longest that an API server may wait: a busy machine is none of the faults that are looked for.
    path: "/validate/podconfigmapconfigs?timeout=30s",
    headers: { "content-type": "application/json" },
    agent: false,
  });
  sent.end(JSON.stringify(review));
  const [response] = await once(sent, "response");
  const answer = await text(response);
  if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${answer}`);
  return JSON.parse(answer);
};

/** Waits until kubectl says something that matches, applying the same again and again. @returns all it said then. */
export const untilSaid = (what: RegExp, say: () => ReturnType<Cluster["kubectl"]>): Promise<string> =>
  eventually(`kubectl says ${what}`, async () => {
    const { stdout, stderr } = await say();
    const said = `${stdout}${stderr}`;
    if (what.test(said)) return said;
    throw new Error(said);
  });
