import { GROUPS } from "../controllers/names.ts";
import { clusterSettings, nodeSettings, reportSettings, resyncSettings, retrySettings } from "./common-settings.ts";
import { address } from "./listen-address.ts";
import { flagOnly, listOf, type SettingsList, setting, unsetAs } from "./setting.ts";
import {
  boolean,
  either,
  integer,
  namespace,
  objectName,
  oneOf,
  positiveDuration,
  someOf,
  text,
  word,
} from "./value-types.ts";
import { webhookUrl } from "./webhook-url.ts";

const workers = integer({ min: 1, max: 10_000 });

/**
 * All settings of the manager, in the order of `--help`. Parsing, flags, `--help`, docs/reference/settings.md and the type
 * `Settings` come from here: a new setting is one entry.
 */
// biome-ignore format: a table
export const settingsTable = {
  kubeconfig: clusterSettings.kubeconfig,
  role: flagOnly(setting("ROLE", oneOf("manager", "all"), "manager",
    "manager: the controllers. all: the node agent too, in the same process, on every replica; it needs what pcmc agent needs.")),
  controllers: flagOnly(setting("CONTROLLERS", someOf(...GROUPS), GROUPS.join(","),
    "The controllers to run, comma-separated. Each has a ClusterRole of its own in manifests/rbac.yaml; those of others can go.")),
  watchNamespaces: clusterSettings.watchNamespaces,
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

  ...resyncSettings,
  controllerPodWorkers: setting("CONTROLLER_POD_WORKERS", either(workers, word("auto")), "1",
    "Pods that are worked on at the same time. auto: 32, which keeps an API server of two cores busy."),
  controllerPcmcWorkers: setting("CONTROLLER_PCMC_WORKERS", workers, "1",
    "PodConfigMapConfigs that are worked on at the same time."),
  ...retrySettings,

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

  ...nodeSettings,

  ...reportSettings,
};

/** A key of the table. */
export type SettingKey = keyof typeof settingsTable;

/** The table as a list. */
export const settingsList: SettingsList<SettingKey> = listOf(settingsTable);
