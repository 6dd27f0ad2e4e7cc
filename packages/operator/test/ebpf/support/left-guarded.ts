import type { NodePod } from "../../../src/ebpf/node-pod.ts";
import type { TestNetwork } from "./network.ts";
import type { TestNode } from "./node.ts";
import { blocking, policyOf } from "./policies.ts";

/** A Pod that serves 7000 and 7001, of which an agent that has ended since has closed 7000. */
export const leftGuarded = async (node: TestNode, network: TestNetwork): Promise<NodePod> => {
  const { pod, cgroup } = node.pod("a1");
  await network.serve(cgroup, [7000, 7001]);
  await using enforcer = await node.open();
  await enforcer.apply(pod, policyOf({ firewall: blocking(7000) }));
  return pod;
};
