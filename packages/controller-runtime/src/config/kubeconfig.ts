import { delimiter, join } from "node:path";
import { type Clock, systemClock } from "../clock.ts";
import type { Logger } from "../log.ts";
import type { ClusterConfig } from "./cluster-config.ts";
import { type FileOptions, fileLoad, fixed, isMissing, readCertificates } from "./files.ts";
import type { Environment } from "./in-cluster.ts";
import {
  type Kubeconfig,
  type KubeconfigCluster,
  type KubeconfigContext,
  type KubeconfigUser,
  mergeKubeconfigs,
  readKubeconfig,
} from "./kubeconfig-file.ts";
import { credentialsOf, fromBase64 } from "./kubeconfig-user.ts";
import { type CaBundle, type LiveConfigOptions, liveConfig } from "./live-config.ts";
import { checkedCertificates } from "./pem.ts";

export interface KubeconfigOptions {
  /** One file, which must exist. Default: the list in `KUBECONFIG`, or `~/.kube/config`. */
  readonly path?: string | undefined;
  /** Default: the current context. */
  readonly context?: string | undefined;
  /** Default `process.env`. Exec plugins inherit it. */
  readonly env?: Environment;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Whether a person can answer an exec plugin on standard input. Default: whether that is a terminal. */
  readonly isTerminal?: () => boolean;
}

/**
 * The API server and user of a kubeconfig's context.
 *
 * Understood: CA as data or file, `insecure-skip-tls-verify`, `tls-server-name`; client certificates as data or file,
 * `token`, `tokenFile`, user name with password, `exec`. Files are read again as they change. Refused, since leaving
 * them out would talk to another server or as another user than the file says: `proxy-url`, impersonation (`as`),
 * `auth-provider`.
 *
 * @throws Error with one line that names the file and what is wrong.
 */
export const kubeconfigConfig = async (options: KubeconfigOptions = {}): Promise<ClusterConfig> => {
  const { clock = systemClock, env = process.env, logger } = options;
  const { files, config } = await readFiles(options.path, env);
  const name = options.context ?? config.currentContext;
  const source = `kubeconfig ${files.join(delimiter)}, context ${name ?? "(none)"}`;
  try {
    const { context, cluster, user, userName } = pick(config, name);
    const server = serverOf(cluster);
    const fileOptions = { clock, logger };
    const base = { server, source, clock, logger, namespace: context.namespace ?? "default" };
    // Over plain HTTP (kubectl proxy) neither certificates nor credentials go out, as in client-go.
    const secure = server.startsWith("https:");
    const parts = secure
      ? await credentialsOf({ ...fileOptions, user, userName, cluster, server, env, isTerminal: options.isTerminal })
      : { credentials: [], close: () => {} };
    const tls = await serverTls(cluster, fileOptions);
    return await liveConfig({ ...base, ...tls, credentials: parts.credentials, onClose: parts.close });
  } catch (error) {
    throw new Error(`${source}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
};

/** The kubeconfig that is used where nothing names another: `~/.kube/config`. Undefined without a home folder. */
export const homeKubeconfig = (env: Environment): string | undefined => {
  const home = env.HOME || env.USERPROFILE;
  return home ? join(home, ".kube", "config") : undefined;
};

const readFiles = async (path: string | undefined, env: Environment) => {
  if (path !== undefined) return { files: [path], config: await readKubeconfig(path) };
  const listed = (env.KUBECONFIG ?? "").split(delimiter).filter((file) => file !== "");
  const files = listed.length > 0 ? [...new Set(listed)] : [homeKubeconfig(env)].filter((file) => file !== undefined);
  const configs = await Promise.all(files.map(readIfThere));
  const found = configs.filter((config) => config !== undefined);
  if (found.length === 0) throw new Error(`no kubeconfig: ${files.join(", ") || "no home folder"}: no such file`);
  return { files, config: mergeKubeconfigs(found) };
};

/** kubectl passes over files of the list that do not exist; every other failure counts. */
const readIfThere = async (file: string): Promise<Kubeconfig | undefined> => {
  try {
    return await readKubeconfig(file);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
};

interface Picked {
  readonly context: KubeconfigContext;
  readonly cluster: KubeconfigCluster;
  readonly user: KubeconfigUser;
  readonly userName: string;
}

const pick = (config: Kubeconfig, name: string | undefined): Picked => {
  const known = [...config.contexts.keys()].join(", ") || "none";
  if (name === undefined) throw new Error(`no current context is set; contexts: ${known}`);
  const context = config.contexts.get(name);
  if (context === undefined) throw new Error(`no such context; contexts: ${known}`);
  const cluster = config.clusters.get(context.cluster ?? "");
  if (cluster === undefined) throw new Error(`cluster ${context.cluster ?? '""'} is not in the file`);
  const userName = context.user ?? "";
  const user = config.users.get(userName);
  if (user === undefined) throw new Error(`user ${userName || '""'} is not in the file`);
  return { context, cluster, user, userName };
};

const serverOf = (cluster: KubeconfigCluster): string => {
  if (cluster.proxyUrl !== undefined) throw new Error("proxy-url is not supported");
  const server = cluster.server ?? "";
  if (!/^https?:\/\//.test(server) || !URL.canParse(server)) {
    throw new Error(`server ${JSON.stringify(server)} must be a URL that starts with https:// or http://`);
  }
  const { origin, pathname } = new URL(server);
  return origin + pathname.replace(/\/+$/, "");
};

type ServerTls = Pick<LiveConfigOptions, "ca" | "rejectUnauthorized" | "servername">;

const serverTls = async (cluster: KubeconfigCluster, options: FileOptions): Promise<ServerTls> => {
  const { caData, caFile, insecureSkipTlsVerify, tlsServerName } = cluster;
  if (insecureSkipTlsVerify && (caData ?? caFile) !== undefined) {
    throw new Error("insecure-skip-tls-verify together with a certificate-authority is not allowed");
  }
  return { ca: caOf(caData, caFile, options), rejectUnauthorized: !insecureSkipTlsVerify, servername: tlsServerName };
};

const caOf = (data: string | undefined, file: string | undefined, options: FileOptions): LiveConfigOptions["ca"] => {
  const name = "certificate-authority-data";
  if (data !== undefined) return fixed<CaBundle>({ ca: checkedCertificates(fromBase64(data, name), name) });
  if (file !== undefined) return fileLoad<CaBundle>(async () => ({ ca: await readCertificates(file) }), options);
  return fixed({});
};
