import { GROUPS } from "../controllers/names.ts";
import { address, listenAddress } from "./listen-address.ts";
import {
  boolean,
  durationOrOff,
  either,
  integer,
  namespace,
  namespaces,
  objectName,
  oneOf,
  positiveDuration,
  someOf,
  text,
  type ValueType,
  word,
} from "./value-types.ts";
import { webhookUrl } from "./webhook-url.ts";

/** One setting. */
export interface Setting<T> {
  /** The environment variable; undefined = a flag only. */
  readonly env: string | undefined;
  /** Without the dashes: the variable in lower case, with `-`. */
  readonly flag: string;
  readonly type: ValueType<T>;
  /** As one would write it; empty where no text says it. */
  readonly default: string;
  /** What `default` means. */
  readonly fallback: T;
  /** For `--help` and the docs. */
  readonly description: string;
}

const flagOf = (env: string): string => env.toLowerCase().replaceAll("_", "-");

/** A setting whose default is a text. */
const setting = <T>(env: string, type: ValueType<T>, text: string, description: string): Setting<T> => {
  const fallback = type.parse(text);
  if (fallback === undefined) throw new Error(`${env}: the default ${text} is not allowed`);
  return { env, flag: flagOf(env), type, default: text, fallback, description };
};

/** A setting that is `fallback` where it is not given. */
const unsetAs = <T, U>(fallback: U, env: string, type: ValueType<T>, description: string): Setting<T | U> => ({
  env,
  flag: flagOf(env),
  type,
  default: "",
  fallback,
  description,
});

/** The same, without a variable. */
const flagOnly = <T>({ env, ...rest }: Setting<T>): Setting<T> => ({ ...rest, env: undefined });

const NO_NAMESPACES: readonly string[] = Object.freeze([]);
const workers = integer({ min: 1, max: 10_000 });

/**
 * All settings of the manager, in the order of `--help`. Parsing, flags, `--help`, docs/settings.md and the type
 * `Settings` come from here: a new setting is one entry. A key is its flag in camel case.
 */
// biome-ignore format: a table
export const settingsTable = {
  kubeconfig: flagOnly(unsetAs(undefined, "KUBECONFIG", text("file"),
    "Kubeconfig of the cluster. Default: the variable KUBECONFIG (a list, as kubectl has it), the Pod's service account, ~/.kube/config.")),
  controllers: flagOnly(setting("CONTROLLERS", someOf(...GROUPS), GROUPS.join(","),
    "The controllers to run, comma-separated. Each has a ClusterRole of its own in manifests/rbac.yaml; those of others can go.")),
  watchNamespaces: unsetAs(NO_NAMESPACES, "WATCH_NAMESPACES", namespaces,
    "Namespaces to work in, comma-separated: Roles in these are enough. Empty: all."),
  podName: unsetAs(undefined, "POD_NAME", objectName,
    "The Pod we run in: our name in the Lease and in Events. Default: the host name."),
  podNamespace: unsetAs(undefined, "POD_NAMESPACE", namespace,
    "The namespace we run in. Default: that of the service account or of the kubeconfig's context."),

  leaderElectionEnabled: setting("LEADER_ELECTION_ENABLED", boolean, "true",
    "Of several replicas, only the one that holds the Lease works."),
  leaderElectionLeaseDuration: setting("LEADER_ELECTION_LEASE_DURATION", positiveDuration, "15s",
    "How long the Lease of a leader that fell silent holds. Rounded up to whole seconds."),
  leaderElectionRenewDeadline: setting("LEADER_ELECTION_RENEW_DEADLINE", positiveDuration, "10s",
    "How long a leader tries to renew before it stands by. Less than the lease duration."),
  leaderElectionRetryPeriod: setting("LEADER_ELECTION_RETRY_PERIOD", positiveDuration, "2s",
    "Time between two tries to get or renew the Lease. The renew deadline is more than 1.2 times this."),
  leaderElectionLockName: setting("LEADER_ELECTION_LOCK_NAME", objectName, "podconfigmap-controller-lock",
    "Name of the Lease."),
  leaderElectionLockNamespace: setting("LEADER_ELECTION_LOCK_NAMESPACE", namespace, "default",
    "Namespace of the Lease."),

  controllerResyncPeriod: setting("CONTROLLER_RESYNC_PERIOD", durationOrOff, "10m",
    "Time after which everything is looked at again; a converged cluster sees no write. 0: never."),
  controllerPodWorkers: setting("CONTROLLER_POD_WORKERS", either(workers, word("auto")), "1",
    "Pods that are worked on at the same time. auto: 32, which keeps an API server of two cores busy."),
  controllerPcmcWorkers: setting("CONTROLLER_PCMC_WORKERS", workers, "1",
    "PodConfigMapConfigs that are worked on at the same time."),
  controllerMaxRetries: setting("CONTROLLER_MAX_RETRIES", integer({ min: 0, max: 1_000_000 }), "5",
    "Quick tries after a failure. After these it goes on, every 30 seconds."),
  controllerReconciliationTimeout: setting("CONTROLLER_RECONCILIATION_TIMEOUT", durationOrOff, "30s",
    "Time that one reconcile may take. 0: no limit."),

  createSaAndRolebinding: setting("CREATE_SA_AND_ROLEBINDING", boolean, "false",
    "podlogreader also makes a ServiceAccount and a RoleBinding for each Role, named like it."),
  allowPodGet: setting("ALLOW_POD_GET", boolean, "false",
    "podlogreader's Roles also allow to get these Pods: kubectl logs POD reads the Pod first."),

  webhookEnabled: unsetAs(undefined, "WEBHOOK_ENABLED", boolean,
    "Serve the admission webhooks. Default: true with WEBHOOK_URL, and in a Pod that uses its service account; else false."),
  webhookAddr: setting("WEBHOOK_ADDR", address, ":9443",
    "Address of the admission webhooks (HTTPS)."),
  webhookUrl: unsetAs(undefined, "WEBHOOK_URL", webhookUrl,
    "Outside a cluster: where the API server reaches WEBHOOK_ADDR. The webhook configuration then gets this address, and is made when it is missing. Default: the Service podconfigmap-controller-webhook."),
  webhookSecretName: setting("WEBHOOK_SECRET_NAME", objectName, "podconfigmap-controller-webhook-cert",
    "Name of the Secret in our namespace that holds the webhooks' certificates. It is made when it is missing."),
  webhookCertDir: unsetAs(undefined, "WEBHOOK_CERT_DIR", text("folder"),
    "Folder with tls.crt and tls.key that others make, cert-manager for one: no Secret is read then, and no caBundle written. Not with WEBHOOK_URL."),
  authorChecks: setting("AUTHOR_CHECKS", boolean, "true",
    "The validating webhook asks the API server whether authors have the rights that what they write takes."),

  metricsAddr: setting("METRICS_ADDR", listenAddress, ":8080",
    "Address of /metrics, /healthz and /readyz. 0: none of these."),
  logLevel: setting("LOG_LEVEL", oneOf("error", "warning", "info", "debug"), "info",
    "The least severe of what is logged."),
  logFormat: setting("LOG_FORMAT", oneOf("text", "json"), "text",
    "klog's text, or one JSON object a line."),
  logJsonFormat: setting("LOG_JSON_FORMAT", boolean, "false",
    "true: JSON, whatever LOG_FORMAT says."),
  debug: setting("DEBUG", boolean, "false",
    "true: level debug, whatever LOG_LEVEL says."),
};

/** A key of the table. */
export type SettingKey = keyof typeof settingsTable;

/** The table as a list. */
export const settingsList: readonly { readonly key: SettingKey; readonly setting: Setting<unknown> }[] = Object.entries(
  settingsTable,
).map(([key, value]) => ({ key: key as SettingKey, setting: value }));
