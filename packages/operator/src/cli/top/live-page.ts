import type { LiveFirewall, LivePage, LivePod, LivePort, LiveVerdicts } from "../../ebpf/agent/live-page.ts";

/** Reads what an agent answered: one of another version, or something else on its port, must not end what looks at many. */
export const livePage = (value: unknown): LivePage => {
  const page = fields(value);
  const { node, at, failure, pods } = page;
  if (typeof node !== "string" || typeof at !== "number" || !Array.isArray(pods)) {
    throw new Error("it answers something else than a node agent of this version");
  }
  return { node, at, ...(typeof failure === "string" && { failure }), pods: pods.map(podOf) };
};

type Fields = Readonly<Record<string, unknown>>;

const fields = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});

const podOf = (value: unknown): LivePod => {
  const { uid, namespace, name, pid, syscalls, firewall } = fields(value);
  return {
    uid: String(uid),
    namespace: String(namespace),
    name: String(name),
    ...(typeof pid === "number" && { pid }),
    ...(syscalls !== undefined && { syscalls: countsOf(syscalls) }),
    ...(firewall !== undefined && { firewall: firewallOf(firewall) }),
  };
};

const number = (value: unknown): number => (typeof value === "number" ? value : 0);

const countsOf = (value: unknown): Record<string, number> =>
  Object.fromEntries(Object.entries(fields(value)).map(([call, count]) => [call, number(count)]));

const firewallOf = (value: unknown): LiveFirewall => {
  const { ingress, egress, blockedPorts } = fields(value);
  const ports = Array.isArray(blockedPorts) ? blockedPorts : [];
  return { ingress: verdictsOf(ingress), egress: verdictsOf(egress), blockedPorts: ports.map(portOf) };
};

const verdictsOf = (value: unknown): LiveVerdicts => {
  const { allowed, blocked, tcp, udp } = fields(value);
  return { allowed: number(allowed), blocked: number(blocked), tcp: number(tcp), udp: number(udp) };
};

const portOf = (value: unknown): LivePort => {
  const { direction, protocol, port, count } = fields(value);
  return {
    direction: direction === "egress" ? "egress" : "ingress",
    protocol: protocol === "udp" ? "udp" : "tcp",
    port: number(port),
    count: number(count),
  };
};
