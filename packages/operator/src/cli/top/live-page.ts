import type {
  LiveFirewall,
  LivePage,
  LivePod,
  LivePort,
  LiveUnparsable,
  LiveVerdicts,
} from "../../ebpf/agent/live-page.ts";

/**
 * Reads what an agent answered: one of another version, or something else on its port, must not end what looks at many. Nothing
 * is taken over that a terminal would understand otherwise than as a name or a number: whoever answers may not be an agent.
 *
 * @throws Error where it is no such page.
 */
export const livePage = (value: unknown): LivePage => {
  const { node, at, failure, pods } = fields(value);
  if (typeof at !== "number" || !Array.isArray(pods)) throw notAPage();
  return {
    node: named(node, DNS_NAME),
    at,
    ...(typeof failure === "string" && { failure }),
    pods: pods.map(podOf),
  };
};

/** A DNS subdomain (RFC 1123), which names of nodes, namespaces and Pods are. */
const DNS_NAME = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const UID = /^[A-Za-z0-9-]{1,128}$/;
const CALL = /^[a-z0-9_]{1,64}$/;

const notAPage = (): Error => new Error("it answers something else than a node agent of this version");

const named = (value: unknown, pattern: RegExp): string => {
  if (typeof value !== "string" || !pattern.test(value)) throw notAPage();
  return value;
};

type Fields = Readonly<Record<string, unknown>>;

const fields = (value: unknown): Fields => (typeof value === "object" && value !== null ? (value as Fields) : {});

const podOf = (value: unknown): LivePod => {
  const { uid, namespace, name, pid, syscalls, firewall } = fields(value);
  return {
    uid: named(uid, UID),
    namespace: named(namespace, DNS_NAME),
    name: named(name, DNS_NAME),
    ...(typeof pid === "number" && { pid }),
    ...(syscalls !== undefined && { syscalls: countsOf(syscalls) }),
    ...(firewall !== undefined && { firewall: firewallOf(firewall) }),
  };
};

const number = (value: unknown): number => (typeof value === "number" ? value : 0);

const countsOf = (value: unknown): Record<string, number> =>
  Object.fromEntries(Object.entries(fields(value)).map(([call, count]) => [named(call, CALL), number(count)]));

const firewallOf = (value: unknown): LiveFirewall => {
  const { ingress, egress, blockedPorts, unparsable } = fields(value);
  const ports = Array.isArray(blockedPorts) ? blockedPorts : [];
  return {
    ingress: verdictsOf(ingress),
    egress: verdictsOf(egress),
    blockedPorts: ports.map(portOf),
    unparsable: unparsableOf(unparsable),
  };
};

const unparsableOf = (value: unknown): LiveUnparsable => {
  const { ingress, egress } = fields(value);
  return { ingress: number(ingress), egress: number(egress) };
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
