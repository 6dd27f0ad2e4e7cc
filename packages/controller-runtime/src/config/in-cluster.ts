import { join } from "node:path";
import { type Clock, systemClock } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import { fileLoad, readBearer, readCertificates, readText } from "./files.ts";
import { type CaBundle, type Credential, liveConfig } from "./live-config.ts";

/** Where the kubelet mounts the service account of a Pod. */
export const SERVICE_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The environment as `process.env` has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface InClusterOptions {
  readonly clock?: Clock;
  /** Default `process.env`. */
  readonly env?: Environment;
  /** Holds `token`, `ca.crt` and `namespace`. Default `SERVICE_ACCOUNT_FOLDER`. */
  readonly folder?: string;
  /** Gets a warning when a file goes bad. */
  readonly logger?: Logger;
}

/** Whether the environment is that of a Pod. */
export const isInCluster = (env: Environment): boolean =>
  Boolean(env.KUBERNETES_SERVICE_HOST) && Boolean(env.KUBERNETES_SERVICE_PORT);

/**
 * The API server as a Pod sees it, as the Pod's service account. Token and CA certificates are read again as the
 * kubelet replaces them.
 *
 * @throws Error with one line when this is no Pod or a file cannot be used.
 */
export const inClusterConfig = async (options: InClusterOptions = {}): Promise<ClusterConfig> => {
  const { clock = systemClock, env = process.env, folder = SERVICE_ACCOUNT_FOLDER, logger } = options;
  if (!isInCluster(env)) throw new Error("not in a cluster: KUBERNETES_SERVICE_HOST and _PORT are not set");
  const token = join(folder, "token");
  const ca = join(folder, "ca.crt");
  const fileOptions = { clock, logger };
  return liveConfig({
    server: serverUrl(env),
    namespace: await namespaceOf(env, folder),
    source: `service account in ${folder}`,
    rejectUnauthorized: true,
    ca: fileLoad<CaBundle>(async () => ({ ca: await readCertificates(ca) }), fileOptions),
    credentials: [
      { load: fileLoad<Credential>(async () => ({ authorization: await readBearer(token) }), fileOptions) },
    ],
    clock,
    logger,
  });
};

const serverUrl = (env: Environment): string => {
  const host = env.KUBERNETES_SERVICE_HOST ?? "";
  const port = env.KUBERNETES_SERVICE_PORT ?? "";
  const url = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (!URL.canParse(url)) {
    throw new Error(`KUBERNETES_SERVICE_HOST=${JSON.stringify(host)} and _PORT=${JSON.stringify(port)} give no URL`);
  }
  return url;
};

/** POD_NAMESPACE, the namespace file, `default`: the order of client-go. */
const namespaceOf = async (env: Environment, folder: string): Promise<string> => {
  const named = env.POD_NAMESPACE;
  if (named) return named;
  try {
    return (await readText(join(folder, "namespace"))).trim() || "default";
  } catch {
    return "default";
  }
};
