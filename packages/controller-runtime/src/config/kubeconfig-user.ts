import { EXEC_MIN_INTERVAL, type ExecCluster, execCredential } from "./exec-credential.ts";
import { bearer, type FileOptions, fileLoad, fixed, readBearer, readText } from "./files.ts";
import type { Environment } from "./in-cluster.ts";
import type { KubeconfigCluster, KubeconfigUser } from "./kubeconfig-file.ts";
import type { Credential, CredentialPart } from "./live-config.ts";
import { checkedKeyPair } from "./pem.ts";

export interface UserOptions extends FileOptions {
  readonly user: KubeconfigUser;
  readonly userName: string;
  readonly cluster: KubeconfigCluster;
  readonly server: string;
  readonly env: Environment;
  readonly isTerminal?: (() => boolean) | undefined;
}

export interface UserCredentials {
  readonly credentials: readonly CredentialPart[];
  /** Ends a plugin that is running. */
  close(): void;
}

/** Base64 as Go reads it: the standard alphabet, line breaks allowed. @throws Error that names the field alone. */
export const fromBase64 = (data: string, name: string): string => {
  const packed = data.replaceAll(/[\r\n]/g, "");
  if (packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(packed)) throw new Error(`${name} is not base64`);
  return Buffer.from(packed, "base64").toString("utf8");
};

/**
 * Where the credential of a kubeconfig's user comes from. As in client-go: one of token and password at the most, a
 * client certificate beside it, and `exec` only where there is none of these.
 *
 * @throws Error with one line where the user's fields do not go together.
 */
export const credentialsOf = async (options: UserOptions): Promise<UserCredentials> => {
  const { user } = options;
  refuseUnsupported(user);
  const parts = [certificatePart(options), headerPart(options)].filter((part) => part !== undefined);
  const aborter = new AbortController();
  const close = () => aborter.abort(new Error("the cluster configuration was closed"));
  if (parts.length > 0 || user.exec === undefined) return { credentials: parts, close };
  const load = execCredential({
    exec: user.exec,
    user: options.userName,
    cluster: await execCluster(options),
    clock: options.clock,
    env: options.env,
    signal: aborter.signal,
    ...(options.isTerminal !== undefined && { isTerminal: options.isTerminal }),
  });
  return { credentials: [{ load, minInterval: EXEC_MIN_INTERVAL }], close };
};

const refuseUnsupported = (user: KubeconfigUser): void => {
  // Going on without it would act with the rights of the real user, which are most often larger.
  if (user.impersonates) throw new Error("impersonation (as, as-uid, as-groups, as-user-extra) is not supported");
  if (user.authProvider !== undefined) {
    throw new Error(`auth-provider ${user.authProvider} is not supported: use an exec plugin (for OIDC, kubelogin)`);
  }
  const hasToken = (user.token ?? user.tokenFile) !== undefined;
  const hasPassword = (user.username ?? user.password) !== undefined;
  if (hasToken && hasPassword) throw new Error("token and username/password are both given, only one is allowed");
};

const headerPart = (options: UserOptions): CredentialPart | undefined => {
  const { token, tokenFile, username, password } = options.user;
  const given = token === undefined ? undefined : { authorization: bearer(token, "token") };
  if (tokenFile !== undefined) {
    // The file beats `token`, which stands in until the file can be read.
    const read = async () => ({ authorization: await readBearer(tokenFile) });
    return { load: fileLoad<Credential>(read, { ...options, initial: given }) };
  }
  if (given !== undefined) return { load: fixed<Credential>(given) };
  if ((username ?? password) === undefined) return undefined;
  const basic = Buffer.from(`${username ?? ""}:${password ?? ""}`).toString("base64");
  return { load: fixed<Credential>({ authorization: `Basic ${basic}` }) };
};

const certificatePart = (options: UserOptions): CredentialPart | undefined => {
  const cert = pemSource(options.user.certData, options.user.certFile, "client-certificate-data");
  const key = pemSource(options.user.keyData, options.user.keyFile, "client-key-data");
  if (cert === undefined) return undefined;
  if (key === undefined) throw new Error("client-certificate is given without client-key");
  const read = async () => {
    const pair = { cert: await cert.read(), key: await key.read() };
    return { pair: checkedKeyPair(pair, `${cert.name} with ${key.name}`) };
  };
  return { load: fileLoad<Credential>(read, options) };
};

/** PEM from a data field, or else from a file. */
const pemSource = (data: string | undefined, file: string | undefined, field: string) => {
  if (data !== undefined) return { name: field, read: async () => fromBase64(data, field) };
  if (file !== undefined) return { name: file, read: () => readText(file) };
  return undefined;
};

/** What `provideClusterInfo` tells a plugin. A CA file is given as data: the plugin may run elsewhere. */
const execCluster = async ({ user, cluster, server }: UserOptions): Promise<ExecCluster> => {
  if (!user.exec?.provideClusterInfo) return { server };
  const { caData, caFile, tlsServerName, insecureSkipTlsVerify, execExtension } = cluster;
  const ca = caData ?? (caFile === undefined ? undefined : Buffer.from(await readText(caFile)).toString("base64"));
  return {
    server,
    ...(tlsServerName !== undefined && { "tls-server-name": tlsServerName }),
    ...(insecureSkipTlsVerify && { "insecure-skip-tls-verify": true }),
    ...(ca !== undefined && { "certificate-authority-data": ca }),
    ...(execExtension !== undefined && { config: execExtension }),
  };
};
