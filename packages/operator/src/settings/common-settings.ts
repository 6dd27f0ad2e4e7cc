import { absolutePath } from "./absolute-path.ts";
import { listenAddress } from "./listen-address.ts";
import { flagOnly, setting, unsetAs } from "./setting.ts";
import { boolean, durationOrOff, integer, namespaces, objectName, oneOf, text } from "./value-types.ts";

/*
 * Parts of the tables of both programs. Each table puts them where they belong in its `--help`.
 */

const NO_NAMESPACES: readonly string[] = Object.freeze([]);

/** Which cluster, and which part of it. */
// biome-ignore format: a table
export const clusterSettings = {
  kubeconfig: flagOnly(unsetAs(undefined, "KUBECONFIG", text("file"),
    "Kubeconfig of the cluster. Default: the variable KUBECONFIG (a list, as kubectl has it), the Pod's service account, ~/.kube/config.")),
  watchNamespaces: unsetAs(NO_NAMESPACES, "WATCH_NAMESPACES", namespaces,
    "Namespaces to work in, comma-separated: Roles in these are enough. Empty: all."),
};

/** How reconciles are repeated. */
// biome-ignore format: a table
export const retrySettings = {
  controllerMaxRetries: setting("CONTROLLER_MAX_RETRIES", integer({ min: 0, max: 1_000_000 }), "5",
    "Quick tries after a failure. After these it goes on, every 30 seconds."),
  controllerReconciliationTimeout: setting("CONTROLLER_RECONCILIATION_TIMEOUT", durationOrOff, "30s",
    "Time that one reconcile may take. 0: no limit."),
};

/** When everything is looked at again. */
export const resyncSettings = {
  controllerResyncPeriod: setting(
    "CONTROLLER_RESYNC_PERIOD",
    durationOrOff,
    "10m",
    "Time after which everything is looked at again; a converged cluster sees no write. 0: never.",
  ),
};

/** What the work on one node's kernel needs to know. */
// biome-ignore format: a table
export const nodeSettings = {
  nodeName: unsetAs(undefined, "NODE_NAME", objectName,
    "The node whose Pods are looked after, as the API names it. Default: the host name in lower case."),
  bpfPinDir: setting("BPF_PIN_DIR", absolutePath, "/sys/fs/bpf/pcmc/v1",
    "Folder on a bpffs of the host that keeps programs, rules and counters while no agent runs. One agent a folder."),
  cgroupRoot: unsetAs(undefined, "CGROUP_ROOT", absolutePath,
    "The cgroup v2 mount, or a folder in it that holds kubepods. Default: found."),
  ebpfRunStats: setting("EBPF_RUN_STATS", boolean, "false",
    "true: the kernel measures what the programs cost, which itself costs some nanoseconds a run of every eBPF program of the node."),
};

/** What is told of the process, and how. */
// biome-ignore format: a table
export const reportSettings = {
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

/** The log's settings as they count: the two switches beat format and level. */
export const logSettings = ({
  logJsonFormat,
  debug,
  logFormat,
  logLevel,
}: {
  readonly logJsonFormat: boolean;
  readonly debug: boolean;
  readonly logFormat: "text" | "json";
  readonly logLevel: "error" | "warning" | "info" | "debug";
}) => ({ logFormat: logJsonFormat ? ("json" as const) : logFormat, logLevel: debug ? ("debug" as const) : logLevel });
