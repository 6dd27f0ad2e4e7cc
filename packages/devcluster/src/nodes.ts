import type { AdminClient } from "./admin-client.ts";
import { SIMULATED_NODE } from "./components.ts";
import { type PollLimits, poll } from "./poll.ts";

/** What one simulated node has room for. Generous: a cluster of one node should hold a test's thousand Pods. */
const CAPACITY = { cpu: "1000", memory: "4Ti", pods: "100000", "ephemeral-storage": "4Ti" };

/** How many nodes are created at a time. */
const PARALLEL = 16;

/** The node object that kwok takes for its own. */
export const simulatedNode = (index: number) => {
  const name = `node-${index}`;
  const os = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" };
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: { ...os, type: "simulated" },
      annotations: { [SIMULATED_NODE.key]: SIMULATED_NODE.value },
    },
    status: {
      capacity: CAPACITY,
      allocatable: CAPACITY,
      addresses: [
        { type: "InternalIP", address: "127.0.0.1" },
        { type: "Hostname", address: name },
      ],
    },
  };
};

/** Creates `count` simulated nodes and waits until Pods can be scheduled to all of them. */
export const createNodes = async (client: AdminClient, count: number, limits: PollLimits): Promise<void> => {
  let next = 0;
  const worker = async () => {
    while (next < count) await client.request("POST", "/api/v1/nodes", simulatedNode(next++));
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, count) }, worker));
  await poll(async () => ((await countUsable(client)) >= count ? true : undefined), {
    ...limits,
    what: `all of ${count} simulated nodes are Ready`,
  });
};

/** Waits until Pods can be scheduled to the real node. */
export const realNodeReady = async (client: AdminClient, limits: PollLimits): Promise<void> => {
  await poll(async () => ((await countUsable(client)) >= 1 ? true : undefined), {
    ...limits,
    what: "the real node is Ready",
  });
};

interface NodeList {
  readonly items: readonly {
    readonly spec?: { readonly taints?: readonly unknown[] };
    readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

/** Ready, and the taint that a new node starts with is gone. */
const countUsable = async (client: AdminClient): Promise<number> => {
  const { items } = await client.request<NodeList>("GET", "/api/v1/nodes");
  const isReady = ({ type, status }: { type: string; status: string }) => type === "Ready" && status === "True";
  return items.filter(({ spec, status }) => !spec?.taints?.length && status?.conditions?.some(isReady)).length;
};
