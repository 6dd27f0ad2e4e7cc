import type { Container, ContainerPort, EnvVar, Probe } from "kubernetes-types/core/v1.d.ts";
import { amountOf } from "./quantity.ts";

/*
 * What the API server refuses in a container of any Pod, and the schema of a Watcher lets in. Source:
 * https://github.com/kubernetes/kubernetes/blob/v1.36.3/pkg/apis/core/validation/validation.go
 */

/** The first thing that is wrong with a container's fields, as the rest of "its container ..."; `undefined` where none is seen. */
export const containerFieldFault = (container: Container): string | undefined =>
  first(container.ports ?? [], portFault) ??
  twice(
    (container.ports ?? []).map(({ name }) => name ?? ""),
    "a port named",
  ) ??
  twice((container.ports ?? []).map(hostPortOf), "the port of the host") ??
  first(container.env ?? [], envFault) ??
  resourceFault(container) ??
  probesFault(container);

const first = <T>(items: readonly T[], faultOf: (item: T) => string | undefined): string | undefined => {
  for (const item of items) {
    const fault = faultOf(item);
    if (fault !== undefined) return fault;
  }
  return undefined;
};

const twice = (values: readonly string[], what: string): string | undefined => {
  const found = values.find((value, at) => value !== "" && values.indexOf(value) !== at);
  return found === undefined ? undefined : `has ${what} ${found} twice`;
};

const MAX_PORT = 65_535;
/** Source: Kubernetes' `IsValidPortName` (RFC 6335). */
const isPortName = (name: string): boolean =>
  name.length <= 15 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) && /[a-z]/.test(name);

const portFault = ({ name, containerPort, hostPort = 0 }: ContainerPort): string | undefined => {
  if (!(containerPort >= 1 && containerPort <= MAX_PORT)) return `has the port ${containerPort}: use 1 to ${MAX_PORT}`;
  if (!(hostPort >= 0 && hostPort <= MAX_PORT)) return `has the port ${hostPort} of the host: use 1 to ${MAX_PORT}`;
  if (name === undefined || name === "" || isPortName(name)) return undefined;
  return `has a port named ${JSON.stringify(name)}: use at most 15 small letters, digits and single '-'`;
};

const hostPortOf = ({ hostPort, hostIP = "", protocol = "TCP" }: ContainerPort): string =>
  hostPort ? `${protocol}/${hostIP}/${hostPort}` : "";

const envFault = ({ name, value, valueFrom }: EnvVar): string | undefined => {
  if (!/^[ -<>-~]+$/.test(name))
    return `has an environment variable with the name ${JSON.stringify(name)}, which is none`;
  if (valueFrom === undefined) return undefined;
  if (value !== undefined && value !== "") return `has both a value and valueFrom for ${name}`;
  return Object.keys(valueFrom).length === 1 ? undefined : `needs exactly one source in valueFrom of ${name}`;
};

const resourceFault = ({ resources }: Container): string | undefined => {
  const { requests = {}, limits = {} } = resources ?? {};
  const above = Object.keys(requests).find((name) => {
    const [request, limit] = [amountOf(requests[name]), amountOf(limits[name])];
    return typeof request === "number" && typeof limit === "number" && request > limit;
  });
  return above === undefined ? undefined : `requests more ${above} than its limit`;
};

const HANDLERS = ["exec", "httpGet", "tcpSocket", "grpc"] as const;

const probesFault = ({ livenessProbe, readinessProbe, startupProbe }: Container): string | undefined =>
  probeFault("livenessProbe", livenessProbe) ??
  probeFault("readinessProbe", readinessProbe) ??
  probeFault("startupProbe", startupProbe);

const probeFault = (name: string, probe: Probe | undefined): string | undefined => {
  if (probe === undefined) return undefined;
  const handlers = HANDLERS.filter((handler) => probe[handler] !== undefined);
  if (handlers.length !== 1) return `needs exactly one of ${HANDLERS.join(", ")} in its ${name}`;
  const { successThreshold = 1 } = probe;
  return name === "readinessProbe" || successThreshold <= 1
    ? undefined
    : `has a ${name} with a successThreshold above 1`;
};
