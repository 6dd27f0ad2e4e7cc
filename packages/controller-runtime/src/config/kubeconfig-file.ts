import { dirname, isAbsolute, resolve } from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { Fields } from "./fields.ts";
import { readText } from "./files.ts";

/** `interactiveMode` of an exec plugin. */
export type InteractiveMode = "Never" | "IfAvailable" | "Always";

/** An exec plugin as a kubeconfig names it. */
export interface ExecConfig {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly installHint: string | undefined;
  readonly provideClusterInfo: boolean;
  readonly interactiveMode: InteractiveMode;
}

export interface KubeconfigCluster {
  readonly server: string | undefined;
  /** Base64 of PEM; beats the file. */
  readonly caData: string | undefined;
  readonly caFile: string | undefined;
  readonly insecureSkipTlsVerify: boolean;
  readonly tlsServerName: string | undefined;
  readonly proxyUrl: string | undefined;
  /** What the cluster has to say to exec plugins: its extension `client.authentication.k8s.io/exec`. */
  readonly execExtension: unknown;
}

export interface KubeconfigUser {
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  /** Base64 of PEM; beats the file. */
  readonly certData: string | undefined;
  readonly certFile: string | undefined;
  readonly keyData: string | undefined;
  readonly keyFile: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly exec: ExecConfig | undefined;
  /** The name of an `auth-provider`. */
  readonly authProvider: string | undefined;
  /** Any of `as`, `as-uid`, `as-groups`, `as-user-extra`. */
  readonly impersonates: boolean;
}

export interface KubeconfigContext {
  readonly cluster: string | undefined;
  readonly user: string | undefined;
  readonly namespace: string | undefined;
}

/** A kubeconfig, of one file or of several merged. Paths are absolute. */
export interface Kubeconfig {
  readonly currentContext: string | undefined;
  readonly clusters: ReadonlyMap<string, KubeconfigCluster>;
  readonly users: ReadonlyMap<string, KubeconfigUser>;
  readonly contexts: ReadonlyMap<string, KubeconfigContext>;
}

/** Reads one kubeconfig. @throws Error with one line that names the file, and never quotes its content. */
export const readKubeconfig = async (path: string): Promise<Kubeconfig> => {
  const text = await readText(path);
  try {
    return parseKubeconfig(text, dirname(resolve(path)));
  } catch (error) {
    throw new Error(`kubeconfig ${path}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
};

/**
 * Parses a kubeconfig; relative paths in it are taken from `folder`.
 *
 * @throws Error that says where, and never quotes what stands there.
 */
export const parseKubeconfig = (text: string, folder: string): Kubeconfig => {
  const root = new Fields(parseYaml(text), "");
  const inFolder = (path: string | undefined) => (path === undefined ? undefined : resolve(folder, path));
  return {
    currentContext: root.text("current-context"),
    clusters: named(root, "clusters", (entry) => clusterOf(entry.child("cluster"), inFolder)),
    users: named(root, "users", (entry) => userOf(entry.child("user"), folder)),
    contexts: named(root, "contexts", (entry) => {
      const context = entry.child("context");
      return { cluster: context.text("cluster"), user: context.text("user"), namespace: context.text("namespace") };
    }),
  };
};

/** Merges as kubectl does: the first file to name a thing wins, whole; the first current context counts. */
export const mergeKubeconfigs = (configs: readonly Kubeconfig[]): Kubeconfig => {
  const lastFirst = configs.toReversed();
  return {
    currentContext: configs.find((config) => config.currentContext !== undefined)?.currentContext,
    clusters: new Map(lastFirst.flatMap((config) => [...config.clusters])),
    users: new Map(lastFirst.flatMap((config) => [...config.users])),
    contexts: new Map(lastFirst.flatMap((config) => [...config.contexts])),
  };
};

const parseYaml = (text: string): unknown => {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [error] = document.errors;
  if (error === undefined) return document.toJS();
  // The parser's own message quotes the line, and that may hold a token.
  const { line, col } = lines.linePos(error.pos[0]);
  throw new Error(`not valid YAML at line ${line}, column ${col} (${error.code})`);
};

const named = <T>(root: Fields, list: string, parse: (entry: Fields) => T): Map<string, T> => {
  const entries = root.children(list).map((entry): [string, T] => [entry.text("name") ?? "", parse(entry)]);
  // The first of a name wins, within a file too.
  return new Map(entries.reverse());
};

const clusterOf = (fields: Fields, inFolder: (path: string | undefined) => string | undefined): KubeconfigCluster => ({
  server: fields.text("server"),
  caData: fields.text("certificate-authority-data"),
  caFile: inFolder(fields.text("certificate-authority")),
  insecureSkipTlsVerify: fields.flag("insecure-skip-tls-verify"),
  tlsServerName: fields.text("tls-server-name"),
  proxyUrl: fields.text("proxy-url"),
  execExtension: fields
    .children("extensions")
    .find((extension) => extension.text("name") === "client.authentication.k8s.io/exec")
    ?.raw("extension"),
});

const userOf = (fields: Fields, folder: string): KubeconfigUser => {
  const file = (name: string) => {
    const path = fields.text(name);
    return path === undefined ? undefined : resolve(folder, path);
  };
  return {
    token: fields.text("token"),
    tokenFile: file("tokenFile"),
    certData: fields.text("client-certificate-data"),
    certFile: file("client-certificate"),
    keyData: fields.text("client-key-data"),
    keyFile: file("client-key"),
    username: fields.text("username"),
    password: fields.text("password"),
    exec: fields.has("exec") ? execOf(fields.child("exec"), folder) : undefined,
    authProvider: fields.has("auth-provider") ? (fields.child("auth-provider").text("name") ?? "") : undefined,
    impersonates: ["as", "as-uid", "as-groups", "as-user-extra"].some((name) => fields.has(name)),
  };
};

const execOf = (fields: Fields, folder: string): ExecConfig => {
  const command = fields.text("command");
  const apiVersion = fields.text("apiVersion");
  if (command === undefined) throw new Error(`${fields.where}.command is missing`);
  if (apiVersion === undefined) throw new Error(`${fields.where}.apiVersion is missing`);
  const env = fields.children("env").map((entry): [string, string] => {
    const name = entry.text("name");
    if (name === undefined) throw new Error(`${entry.where}.name is missing`);
    return [name, entry.text("value") ?? ""];
  });
  return {
    apiVersion,
    // A bare name is looked up in PATH; one with a slash is a path from the kubeconfig's folder, as in client-go.
    command: command.includes("/") && !isAbsolute(command) ? resolve(folder, command) : command,
    args: fields.texts("args"),
    env: Object.fromEntries(env),
    installHint: fields.text("installHint"),
    provideClusterInfo: fields.flag("provideClusterInfo"),
    interactiveMode: interactiveModeOf(fields, apiVersion),
  };
};

const interactiveModeOf = (fields: Fields, apiVersion: string): InteractiveMode => {
  // v1 makes the field required; v1beta1 defaults it.
  const mode = fields.text("interactiveMode") ?? (apiVersion.endsWith("/v1beta1") ? "IfAvailable" : "");
  if (mode === "Never" || mode === "IfAvailable" || mode === "Always") return mode;
  throw new Error(`${fields.where}.interactiveMode must be Never, IfAvailable or Always`);
};
