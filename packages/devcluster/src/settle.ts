import { connect } from "node:net";
import { type AdminClient, ApiStatusError } from "./admin-client.ts";
import type { ControlPlane } from "./control-plane.ts";
import { createNodes, realNodeReady } from "./nodes.ts";
import { type ClusterPlan, type Component, componentsOf } from "./options.ts";
import { type PollLimits, poll } from "./poll.ts";

/** Waits for what the controllers and the nodes do first, so that a Pod can be created and scheduled at once. */
export const settle = async (plan: ClusterPlan, controlPlane: ControlPlane): Promise<void> => {
  const { client } = controlPlane;
  const check = () => {
    for (const component of componentsOf(plan)) controlPlane.throwIfEnded(component);
  };
  /** By whom it is done, whose logs say why it is not. */
  const by = (...components: readonly Component[]): PollLimits => ({
    timeout: plan.startTimeout,
    signal: plan.signal,
    check,
    explain: () => controlPlane.endOfLogs(...components),
  });
  const waits: Promise<void>[] = [];
  const realNode = async () => {
    await realNodeReady(client, by("kubelet", "containerd"));
    await kubernetesServiceAnswers(client, by("kube-proxy"));
  };
  if (plan.node === "real") waits.push(realNode());
  else if (plan.nodes > 0) waits.push(createNodes(client, plan.nodes, by("kwok")));
  if (plan.controllerManager) waits.push(defaultServiceAccount(client, by("kube-controller-manager")));
  await Promise.all(waits);
};

/** kube-proxy has done its first round: Pods reach the API server, and this machine reaches Services. */
const kubernetesServiceAnswers = async (client: AdminClient, limits: PollLimits): Promise<void> => {
  const path = "/api/v1/namespaces/default/services/kubernetes";
  const what = "the Service kubernetes answers through kube-proxy";
  await poll(
    async () => {
      const { spec } = await client.request<{ spec: { clusterIP: string } }>("GET", path);
      return canConnect(spec.clusterIP, 443);
    },
    { ...limits, what },
  );
};

/** How long one attempt to connect may take. Milliseconds. */
const CONNECT_TIMEOUT = 1000;

const canConnect = (host: string, port: number): Promise<true | undefined> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT });
    const end = (result: true | undefined) => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(undefined));
    socket.once("error", () => end(undefined));
  });

/** Admission refuses a Pod until its ServiceAccount is there. */
const defaultServiceAccount = async (client: AdminClient, limits: PollLimits): Promise<void> => {
  const what = "the controller manager has made the ServiceAccount default/default";
  await poll(() => exists(client, "/api/v1/namespaces/default/serviceaccounts/default"), { ...limits, what });
};

const exists = async (client: AdminClient, path: string): Promise<true | undefined> => {
  try {
    await client.request("GET", path);
    return true;
  } catch (error) {
    if (error instanceof ApiStatusError && error.code === 404) return undefined;
    throw error;
  }
};
