import type { PodRates } from "../../../src/cli/top/rates.ts";

/** The Pods that docs/reference/top.md shows. */
export const shown: readonly PodRates[] = [
  {
    namespace: "shop",
    name: "web-0",
    node: "node-1",
    pid: 7,
    syscalls: {
      perSecond: 1_234,
      busiest: ["read", "write", "openat", "close"].map((name) => ({ name, perSecond: 1 })),
    },
    packets: { allowedPerSecond: 12.5, blockedPerSecond: 0.4, unparsablePerSecond: 0 },
    blockedPorts: [
      { direction: "ingress", protocol: "tcp", port: 22, perSecond: 1, total: 17 },
      { direction: "egress", protocol: "udp", port: 53, perSecond: 0, total: 2_000 },
    ],
  },
  { namespace: "shop", name: "db", node: "node-1", blockedPorts: [] },
];
