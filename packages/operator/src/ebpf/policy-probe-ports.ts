import type { Container, LifecycleHandler, Pod, Probe } from "kubernetes-types/core/v1.d.ts";
import { PORTS } from "./port-bitmap.ts";

/**
 * The TCP ports of the Pod that the kubelet connects to: probes (http, tcp, grpc) and lifecycle hooks, of sidecars too; sorted.
 * A handler that names another host does not go to the Pod.
 */
export const probePorts = ({ spec }: Pod): readonly number[] => {
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const ports = containers.flatMap((container) =>
    handlersOf(container).flatMap((handler) => portsOf(handler, container)),
  );
  return [...new Set(ports)].sort((a, b) => a - b);
};

type Handler = Pick<LifecycleHandler, "httpGet" | "tcpSocket"> & Pick<Probe, "grpc">;

const handlersOf = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container): readonly Handler[] =>
  [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].filter(
    (handler) => handler !== undefined && handler !== null,
  );

const portsOf = ({ httpGet, tcpSocket, grpc }: Handler, container: Container): readonly number[] => {
  const own = [httpGet, tcpSocket].filter((action) => action !== undefined && action !== null && !action.host);
  const named = [...own.map((action) => action?.port), grpc?.port];
  return named.map((port) => resolve(port, container)).filter((port) => port !== undefined);
};

/** As the kubelet does it: a name of the same container's ports, else a number written as text. */
const resolve = (port: number | string | undefined, { ports = [] }: Container): number | undefined => {
  const byName = typeof port === "string" ? ports?.find(({ name }) => name === port)?.containerPort : undefined;
  const number = Number(byName ?? (port === "" ? undefined : port));
  return Number.isInteger(number) && number > 0 && number < PORTS ? number : undefined;
};
