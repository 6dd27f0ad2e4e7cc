import type { Clock } from "@pcmc/controller-runtime";
import type { Session } from "../deployment/session.ts";
import { type AgentFacts, readAgents, readAgentWorkload } from "./agents.ts";
import { type ClusterFacts, readCluster } from "./cluster.ts";
import { type DefinitionFacts, readDefinitions } from "./crds.ts";
import { type EndpointFacts, readEndpoints } from "./endpoints.ts";
import { type InstallFacts, readInstall } from "./install.ts";
import { type LeaderFacts, readLeader } from "./leader.ts";
import { type PermissionFacts, readPermissions } from "./permissions.ts";
import { Reader } from "./reader.ts";
import { type ResourceFacts, readConfigs, readResources } from "./resource-facts.ts";
import { known } from "./seen.ts";
import { readWebhooks, type WebhookFacts } from "./webhook-facts.ts";

/** All that the checks judge. */
export interface Facts {
  readonly cluster: ClusterFacts;
  readonly definitions: readonly DefinitionFacts[];
  readonly install: InstallFacts;
  readonly permissions: PermissionFacts;
  readonly leader: LeaderFacts;
  readonly webhooks: WebhookFacts;
  readonly agents: AgentFacts;
  readonly resources: ResourceFacts;
  readonly endpoints: EndpointFacts;
}

export interface GatherOptions {
  /** That of the operator; found by its label where it is absent. */
  readonly namespace: string | undefined;
  readonly clock: Clock;
  /** Ends what is not read yet: that is then not known. */
  readonly signal: AbortSignal;
}

/**
 * Reads a cluster: first what the rest depends on, then all else at a time.
 *
 * @throws InputError where the API server does not answer.
 */
export const gather = async (
  session: Pick<Session, "client" | "config">,
  { namespace, clock, signal }: GatherOptions,
): Promise<Facts> => {
  const reader = new Reader(session, signal);
  const now = () => clock.date().getTime();
  const cluster = await readCluster(reader, session.config, now);
  const ahead = cluster.ahead ?? 0;
  const [definitions, install, configs] = await Promise.all([
    readDefinitions(reader),
    readInstall(reader, namespace),
    readConfigs(reader),
  ]);
  const { operator } = install;
  const workload = await readAgentWorkload(reader, operator);
  const [permissions, leader, webhooks, agents, resources, endpoints] = await Promise.all([
    readPermissions(reader, operator, known(workload)),
    readLeader(reader, operator, { now, ahead }),
    readWebhooks(reader, operator, () => now() + ahead),
    readAgents(reader, workload),
    readResources(reader, configs, { clock, signal }),
    readEndpoints(reader, operator),
  ]);
  return { cluster, definitions, install, permissions, leader, webhooks, agents, resources, endpoints };
};
