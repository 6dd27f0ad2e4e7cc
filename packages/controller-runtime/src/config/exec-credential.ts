import { isatty } from "node:tty";
import type { Clock } from "../clock.ts";
import { type ExecOutcome, runExec } from "./exec-process.ts";
import { Fields } from "./fields.ts";
import { bearer } from "./files.ts";
import type { Environment } from "./in-cluster.ts";
import type { ExecConfig } from "./kubeconfig-file.ts";
import type { Credential } from "./live-config.ts";
import { checkedKeyPair } from "./pem.ts";
import type { Load } from "./refreshed.ts";

/** The versions of the protocol that Kubernetes still has. */
const API_VERSIONS = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/** Milliseconds for a plugin by itself, and for one that waits for a person to log in. */
const TIMEOUT = 60_000;
const INTERACTIVE_TIMEOUT = 5 * 60_000;

/** Milliseconds before its end at which a credential is replaced, so that none ends on its way to the server. */
const LEEWAY = 10_000;

/** Milliseconds between two runs of a plugin, whatever the server says to what it brings. */
export const EXEC_MIN_INTERVAL = 5_000;

/** The cluster as a plugin sees it that asked for `provideClusterInfo`. */
export interface ExecCluster {
  readonly server: string;
  readonly "tls-server-name"?: string;
  readonly "insecure-skip-tls-verify"?: boolean;
  /** Base64 of PEM. */
  readonly "certificate-authority-data"?: string;
  readonly config?: unknown;
}

export interface ExecCredentialOptions {
  readonly exec: ExecConfig;
  /** The name of the kubeconfig's user, for messages. */
  readonly user: string;
  readonly cluster: ExecCluster;
  readonly clock: Clock;
  readonly env: Environment;
  /** Kills a running plugin. */
  readonly signal: AbortSignal;
  /** Whether a person can answer on standard input. Default: whether that is a terminal. */
  readonly isTerminal?: () => boolean;
}

/**
 * Gets a credential from an exec plugin: the `ExecCredential` protocol of client-go. The answer holds until its
 * `expirationTimestamp`; without one, until the server refuses it.
 *
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 *
 * @throws Error with one line that names the user and the command, with the install hint where the command is missing,
 * and never quotes what the plugin wrote to standard output.
 */
export const execCredential = (options: ExecCredentialOptions): Load<Credential> => {
  const { exec, user, clock } = options;
  const label = `exec plugin ${exec.command} of user ${user}`;
  if (!API_VERSIONS.includes(exec.apiVersion)) {
    throw new Error(`${label}: apiVersion ${exec.apiVersion} is not one of ${API_VERSIONS.join(", ")}`);
  }
  return async () => {
    const answer = parseAnswer(await run(options, label), exec.apiVersion, label);
    const { expires, credential } = answer;
    return { value: credential, isFresh: () => expires === undefined || clock.date().getTime() < expires - LEEWAY };
  };
};

const run = async (options: ExecCredentialOptions, label: string): Promise<string> => {
  const { exec, clock, env, signal } = options;
  const interactive = isInteractive(options, label);
  const info = {
    kind: "ExecCredential",
    apiVersion: exec.apiVersion,
    spec: { interactive, ...(exec.provideClusterInfo && { cluster: options.cluster }) },
  };
  let outcome: ExecOutcome;
  try {
    outcome = await runExec({
      command: exec.command,
      args: exec.args,
      env: { ...env, ...exec.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
      interactive,
      timeout: interactive ? INTERACTIVE_TIMEOUT : TIMEOUT,
      clock,
      signal,
    });
  } catch (error) {
    throw new Error(`${label} ${startFailure(error, exec)}`, { cause: error });
  }
  if (outcome.code === 0) return outcome.stdout;
  const how = outcome.code === undefined ? "was killed" : `failed with exit code ${outcome.code}`;
  throw new Error(`${label} ${how}${outcome.stderr.trim() === "" ? "" : `: ${oneLine(outcome.stderr)}`}`);
};

const isInteractive = ({ exec, isTerminal = () => isatty(0) }: ExecCredentialOptions, label: string): boolean => {
  if (exec.interactiveMode === "Never") return false;
  if (isTerminal()) return true;
  if (exec.interactiveMode === "IfAvailable") return false;
  throw new Error(`${label} needs a terminal (interactiveMode: Always), and standard input is none`);
};

const startFailure = (error: unknown, exec: ExecConfig): string => {
  if (!(error instanceof Error)) return `failed: ${error}`;
  const code = "code" in error ? error.code : undefined;
  const hint = exec.installHint === undefined ? "" : `: ${oneLine(exec.installHint)}`;
  if (code === "ENOENT") return `is not installed${hint}`;
  if (code === "EACCES") return `may not be executed${hint}`;
  return error.message;
};

/** Text of others in a message of ours: one line, no control characters, not endless. */
const oneLine = (text: string): string =>
  text
    .replaceAll(/[\p{C}\s]+/gu, " ")
    .trim()
    .slice(0, 500);

const parseAnswer = (stdout: string, apiVersion: string, label: string) => {
  try {
    return readAnswer(new Fields(parseJson(stdout), "answer"), apiVersion);
  } catch (error) {
    throw new Error(`${label}: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, and that is a credential.
    throw new Error("its answer is not JSON");
  }
};

const readAnswer = (answer: Fields, apiVersion: string): { credential: Credential; expires: number | undefined } => {
  if (answer.text("kind") !== "ExecCredential") throw new Error("its answer is no ExecCredential");
  if (answer.text("apiVersion") !== apiVersion) throw new Error(`its answer has another apiVersion than ${apiVersion}`);
  const status = answer.child("status");
  const token = status.text("token");
  const cert = status.text("clientCertificateData");
  const key = status.text("clientKeyData");
  if ((cert === undefined) !== (key === undefined)) throw new Error("its answer has only one of certificate and key");
  if (token === undefined && cert === undefined) throw new Error("its answer has neither token nor certificate");
  return {
    credential: {
      authorization: token === undefined ? undefined : bearer(token, "the token in its answer"),
      pair: cert === undefined || key === undefined ? undefined : checkedKeyPair({ cert, key }, "its answer"),
    },
    expires: expiryOf(status),
  };
};

const expiryOf = (status: Fields): number | undefined => {
  const text = status.text("expirationTimestamp");
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new Error("expirationTimestamp in its answer is no time");
  return time;
};
