import type { ClusterConfig } from "@pcmc/controller-runtime";
import { nameFor } from "../podlogreader/names.ts";
import { formatDuration } from "../settings/duration.ts";
import { readDeployment } from "./deployment/read-deployment.ts";
import { type ClusterFlags, withCluster } from "./deployment/session.ts";
import { EXIT, InputError, type Io } from "./io.ts";
import { checkToken } from "./logs-kubeconfig/check-token.ts";
import { kubeconfigText } from "./logs-kubeconfig/kubeconfig-text.ts";
import { missingAccount, requestToken, type Token, type TokenWish } from "./logs-kubeconfig/token.ts";

/** What `pcmc logs-kubeconfig` was asked for. */
export interface LogsKubeconfigOptions extends ClusterFlags {
  /** Seconds. */
  readonly ttl: number;
}

/**
 * Prints a kubeconfig with a token that can read the logs of a Deployment's Pods and nothing else. What is not so, and when the
 * token expires, is told on standard error.
 *
 * @returns 0; 1 where there is no ServiceAccount to make a token of.
 * @throws InputError when the cluster or the Deployment cannot be read.
 */
export const logsKubeconfig = (name: string, options: LogsKubeconfigOptions, io: Io): Promise<number> =>
  withCluster(options, io, async (session) => {
    const { config, client, namespace } = session;
    checkServer(config);
    const found = await readDeployment(client, { namespace, name });
    const account = nameFor(name);
    const wish = { namespace, account, ttl: options.ttl };
    const made = await requestToken(client, wish);
    if (made === undefined) {
      io.stderr(`${missingAccount(name, wish)}\n`);
      return EXIT.failed;
    }
    const { server } = config;
    // First of all: the token is there now, whatever comes of the looking.
    io.stdout(kubeconfigText({ server, tls: config.tls(), namespace, token: made.token, user: account }));
    const { warnings, notes } = await checkToken(session, { token: made.token, account, found });
    for (const note of [...notesOf(made, { ...wish, server }), ...notes]) io.stderr(`note: ${note}\n`);
    for (const warning of [...tlsWarnings(config), ...warnings]) io.stderr(`warning: ${warning}\n`);
    return EXIT.ok;
  });

/** kubectl sends no credentials over plain HTTP: whoever has the file would act as whoever runs that proxy. */
const checkServer = ({ server, source }: ClusterConfig): void => {
  if (server.startsWith("https:")) return;
  const reason = "is not HTTPS, as with kubectl proxy: a token would not be sent there";
  throw new InputError([`the server ${server} of ${source} ${reason}; name the cluster itself`]);
};

const notesOf = ({ expires, lifetime }: Token, wish: TokenWish & { readonly server: string }): readonly string[] => {
  const { namespace, account, server, ttl } = wish;
  const whose = `token of ServiceAccount ${namespace}/${account} for ${server}`;
  const made =
    lifetime === undefined || lifetime === ttl
      ? ""
      : ` (${durationText(ttl)} was asked for, ${durationText(lifetime)} given)`;
  return [`${whose}, until ${timeText(expires)}${made}`];
};

/** RFC 3339, to the second, as kubectl prints times. */
const timeText = (time: Date): string => time.toISOString().replace(/[.]\d+Z$/, "Z");

const durationText = (seconds: number): string => formatDuration(BigInt(Math.round(seconds)) * 1_000_000_000n);

const tlsWarnings = (config: ClusterConfig): readonly string[] =>
  config.tls().rejectUnauthorized
    ? []
    : ["the server's certificate is not verified: insecure-skip-tls-verify is carried over"];
