import { hostname } from "node:os";
import {
  type Cache,
  Client,
  type ClusterConfig,
  type ControllerObserver,
  type clientMetrics,
  type Logger,
  type Registry,
  systemClock,
  type WorkQueueMetrics,
} from "@pcmc/controller-runtime";
import { limitsOf } from "../../controllers/controller-parts.ts";
import type { Agent } from "../../ebpf/agent/agent.ts";
import { AGENT } from "../../rbac/names.ts";
import type { AgentSettings } from "../../settings/agent-settings.ts";
import { version } from "../version.ts";

/** Also the owner of the conditions in `managedFields`. */
const USER_AGENT = `${AGENT.name}/${version}`;

/** What of the settings concerns the node agent, alone or in a manager. */
export type NodeAgentSettings = Pick<
  AgentSettings,
  | "nodeName"
  | "watchNamespaces"
  | "bpfPinDir"
  | "cgroupRoot"
  | "ebpfRunStats"
  | "controllerMaxRetries"
  | "controllerReconciliationTimeout"
  | "controllerResyncPeriod"
>;

export interface NodeAgentParts {
  readonly settings: NodeAgentSettings;
  readonly cache: Cache;
  readonly client: Client;
  readonly registry: Registry;
  readonly observer: ControllerObserver;
  readonly queueMetrics: WorkQueueMetrics;
  readonly log: Logger;
}

/** The name of the node: what is set, else what kubelets call theirs. */
export const nodeNameOf = ({ nodeName }: Pick<NodeAgentSettings, "nodeName">): string =>
  nodeName ?? hostname().trim().toLowerCase();

/** A client for the agent. */
export const agentClient = (
  config: ClusterConfig,
  { connections, observer }: { readonly connections: number; readonly observer: ReturnType<typeof clientMetrics> },
): Client => new Client(config, { userAgent: USER_AGENT, connections, observer });

/** The node agent by its settings; its code is loaded when it is wanted. */
export const nodeAgentOf = async ({ settings, registry, log, ...parts }: NodeAgentParts): Promise<Agent> => {
  const { nodeAgent } = await import("../../ebpf/agent/agent.ts");
  const { openEnforcer } = await import("../../ebpf/agent/kernel.ts");
  const { isPinned, pinPaths } = await import("../../ebpf/pin-dir.ts");
  const { ErrorCounts } = await import("../../ebpf/error-counts.ts");
  const { ebpfMetrics } = await import("../../metrics/ebpf-metrics.ts");
  const nodeName = nodeNameOf(settings);
  const { pods } = pinPaths(settings.bpfPinDir);
  return nodeAgent({
    ...parts,
    log,
    nodeName,
    namespaces: settings.watchNamespaces,
    errors: new ErrorCounts(pods),
    isPinned: (uid) => isPinned(`${pods}/${uid}`),
    open: openEnforcer({
      pinDir: settings.bpfPinDir,
      cgroupRoot: settings.cgroupRoot,
      nodeName,
      runStats: settings.ebpfRunStats,
      clock: systemClock,
      log,
    }),
    metrics: ebpfMetrics(registry),
    ...limitsOf(settings),
  });
};
