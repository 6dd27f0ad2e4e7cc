import type { Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { PodReading } from "../../../src/ebpf/outcome.ts";

/** A Pod of a node as it is stored. */
export const storedPod = (
  name: string,
  rest: Omit<Pod, "metadata"> & { metadata?: Pod["metadata"] } = {},
): Stored<Pod> => ({
  ...rest,
  metadata: { name, namespace: "shop", uid: `uid-of-${name}`, resourceVersion: "1", ...rest.metadata },
});

/** What was counted of a Pod. */
export const reading = (name: string, rest: Partial<PodReading> = {}): PodReading => ({
  uid: `uid-of-${name}`,
  namespace: "shop",
  name,
  pid: 4711,
  programs: ["syscall_counter", "l4_firewall"],
  syscalls: undefined,
  firewall: undefined,
  ...rest,
});

/** Verdicts of one direction. */
export const verdicts = (allowed = 0, blocked = 0, udp = 0) => ({
  allowed: BigInt(allowed),
  blocked: BigInt(blocked),
  tcp: BigInt(allowed + blocked - udp),
  udp: BigInt(udp),
});
