import { type Client, describe, Pods, type Projection, type Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { LivePage } from "../../ebpf/agent/live-page.ts";
import { AGENT_LABEL, LIVE_PATH, METRICS_PORT } from "../../ebpf/agent/names.ts";
import { CALL } from "../deployment/session.ts";
import { livePage } from "./live-page.ts";

/** One agent that can be asked. */
export interface AgentSource {
  /** For people: `Pod kube-system/agent-x2k4p on node-1`, or a URL. */
  readonly name: string;
  /** @throws what says why it does not answer. */
  read(signal: AbortSignal): Promise<LivePage>;
}

const FIELDS: Projection = {
  spec: { nodeName: true, containers: { ports: true } },
  status: { phase: true },
};

/** Agents by their addresses, asked directly. */
export const agentsAt = (urls: readonly string[]): readonly AgentSource[] =>
  urls.map((url) => ({
    name: url,
    read: async (signal) => {
      const response = await fetch(new URL(LIVE_PATH, url), {
        signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
      });
      if (!response.ok) throw new Error(`it answers ${response.status}: is it a node agent?`);
      return livePage(await response.json());
    },
  }));

/**
 * The agents that run in a cluster, each asked through the API server (`get` on `pods/proxy`): whoever looks needs no way to
 * the nodes.
 *
 * @throws what the client throws.
 */
export const agentsIn = async (
  client: Client,
  { node, signal }: { readonly node: string | undefined; readonly signal: AbortSignal },
): Promise<readonly AgentSource[]> => {
  const { items } = await client.list(Pods, {
    ...CALL,
    signal,
    labelSelector: `${AGENT_LABEL}=true`,
    ...(node !== undefined && { fieldSelector: `spec.nodeName=${node}` }),
    project: FIELDS,
  });
  return items.filter(({ status }) => status?.phase === "Running").map((pod) => throughProxy(client, pod));
};

const throughProxy = (client: Client, pod: Stored<Pod>): AgentSource => {
  const { namespace = "", name } = pod.metadata;
  const path = `/api/v1/namespaces/${namespace}/pods/${name}:${portOf(pod)}/proxy${LIVE_PATH}`;
  return {
    name: `Pod ${namespace}/${name} on ${pod.spec?.nodeName}`,
    read: async (signal) => livePage(await client.raw("GET", path, { ...CALL, signal })),
  };
};

const portOf = ({ spec }: Pod): number => {
  const ports = spec?.containers.flatMap((container) => container.ports ?? []) ?? [];
  return ports.find(({ name }) => name === METRICS_PORT)?.containerPort ?? 8080;
};

/** Why an agent could not be asked, in a line. */
export const troubleOf = ({ name }: AgentSource, error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return `${name}: ${describe(cause)}`;
};
