/**
 * Label of the Pods that a node agent runs in, be it alone or inside a manager: `pcmc top` finds the agents of a cluster by it.
 * Its value is `true`.
 */
export const AGENT_LABEL = "podconfig.example.com/node-agent";

/** Name of the container port of `METRICS_ADDR`. */
export const METRICS_PORT = "metrics";

/** Where, beside `/metrics`, an agent tells what it counts at this moment: a `LivePage` as JSON. */
export const LIVE_PATH = "/ebpf";
