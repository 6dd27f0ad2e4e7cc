import { type ClusterConfig, describe, Pods, type Projection, type Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { LivePage } from "../../ebpf/agent/live-page.ts";
import { AGENT_LABEL, LIVE_PATH, METRICS_PORT } from "../../ebpf/agent/names.ts";
import { AGENT, NAME } from "../../rbac/names.ts";
import { CALL, type Session } from "../deployment/session.ts";
import { boundedGet } from "./bounded-get.ts";
import { livePage } from "./live-page.ts";
import { printable } from "./printable.ts";

/** One agent that can be asked. */
export interface AgentSource {
  /** For people: `Pod kube-system/agent-x2k4p on node-1`, or a URL. */
  readonly name: string;
  /** @throws what says why it does not answer. */
  read(signal: AbortSignal): Promise<LivePage>;
}

/** Where agents are looked for. */
export interface AgentPlace {
  readonly agentNamespace: string;
  /** All where it is `undefined`. */
  readonly node: string | undefined;
  readonly signal: AbortSignal;
}

/** The accounts that agents run as: alone, and inside a manager. */
const ACCOUNTS: ReadonlySet<string | undefined> = new Set([AGENT.name, NAME]);

/** Phases of Pods that will not run again: others stand in for them. */
const ENDED: ReadonlySet<string | undefined> = new Set(["Succeeded", "Failed"]);

const FIELDS: Projection = {
  spec: { nodeName: true, serviceAccountName: true, containers: { ports: true } },
  status: { phase: true },
};

/** Agents by their addresses, asked directly. */
export const agentsAt = (urls: readonly string[]): readonly AgentSource[] =>
  urls.map((url) => ({
    name: url,
    read: async (signal) => livePage(await boundedGet(new URL(LIVE_PATH, url), { signal })),
  }));

/**
 * The agents that run in a namespace, each asked through the API server (`get` on `pods/proxy`): whoever looks needs no way to
 * the nodes. Label and ServiceAccount have to be an agent's: whoever may make Pods elsewhere must not be heard as one.
 *
 * @throws what the client throws.
 */
export const agentsIn = async (
  { client, config }: Pick<Session, "client" | "config">,
  { agentNamespace, node, signal }: AgentPlace,
): Promise<readonly AgentSource[]> => {
  const { items } = await client.list(Pods, {
    ...CALL,
    signal,
    namespace: agentNamespace,
    labelSelector: `${AGENT_LABEL}=true`,
    ...(node !== undefined && { fieldSelector: `spec.nodeName=${node}` }),
    project: FIELDS,
  });
  return items
    .filter(({ spec, status }) => ACCOUNTS.has(spec?.serviceAccountName) && !ENDED.has(status?.phase))
    .map((pod) => throughProxy(config, pod));
};

const throughProxy = (config: ClusterConfig, pod: Stored<Pod>): AgentSource => {
  const { namespace = "", name } = pod.metadata;
  const path = `/api/v1/namespaces/${namespace}/pods/${name}:${portOf(pod)}/proxy${LIVE_PATH}`;
  const node = pod.spec?.nodeName;
  const phase = pod.status?.phase;
  return {
    name: `Pod ${namespace}/${name} on ${node ?? "no node yet"}`,
    async read(signal) {
      if (phase !== "Running") throw new Error(`it is ${phase}`);
      const [url, authorization] = [new URL(`${config.server}${path}`), await config.authorization()];
      const page = livePage(await boundedGet(url, { signal, tls: config.tls(), authorization }));
      if (page.node !== node) throw new Error(`it says that it is the agent of ${page.node}`);
      return page;
    },
  };
};

const portOf = ({ spec }: Pod): number => {
  const ports = spec?.containers.flatMap((container) => container.ports ?? []) ?? [];
  return ports.find(({ name }) => name === METRICS_PORT)?.containerPort ?? 8080;
};

/** Why an agent could not be asked, in a line. */
export const troubleOf = ({ name }: AgentSource, error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return printable(`${name}: ${describe(cause)}`);
};
