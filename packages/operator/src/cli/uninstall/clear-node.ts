import {
  type AbortSource,
  Client,
  type ClusterConfig,
  describe,
  ForbiddenError,
  type Logger,
  loadClusterConfig,
  systemClock,
} from "@pcmc/controller-runtime";
import { AGENT } from "../../rbac/names.ts";
import type { AgentSettings } from "../../settings/agent-settings.ts";
import { version } from "../version.ts";
import { clearConditions } from "./pod-conditions.ts";

export interface ClearNodeOptions extends Pick<AgentSettings, "kubeconfig" | "watchNamespaces"> {
  readonly nodeName: string;
  readonly log: Logger;
  readonly signal: AbortSource;
}

/**
 * Takes back what agents have said of the Pods of a node. Where there is no cluster to ask, or it says no, that is logged, and the
 * node counts as clean all the same: what is in the kernel is what must not stay.
 *
 * @throws what the client throws for all else, such as an API server that does not answer.
 */
export const clearNode = async ({ kubeconfig, watchNamespaces, nodeName, log, signal }: ClearNodeOptions) => {
  const config = await configOf(kubeconfig, log);
  if (config === undefined) return;
  const client = new Client(config, { userAgent: `${AGENT.name}/${version}` });
  try {
    const namespaces = watchNamespaces.length === 0 ? [undefined] : watchNamespaces;
    const fieldSelector = `spec.nodeName=${nodeName}`;
    for (const namespace of namespaces) {
      const cleared = await clearConditions({ client, namespace, fieldSelector, clock: systemClock, signal });
      log.info("cleared the conditions of Pods", { node: nodeName, pods: cleared.length, namespace });
    }
  } catch (error) {
    if (!(error instanceof ForbiddenError)) throw error;
    log.warning("the conditions of Pods stay", { node: nodeName, why: describe(error) });
  } finally {
    await client.close();
    config.close();
  }
};

const configOf = async (kubeconfig: string | undefined, log: Logger): Promise<ClusterConfig | undefined> => {
  try {
    return await loadClusterConfig({ flags: { kubeconfig }, logger: log });
  } catch (error) {
    log.warning("the conditions of Pods stay: there is no cluster to ask", { why: describe(error) });
    return undefined;
  }
};
