import type { HTTPGetAction, TCPSocketAction } from "kubernetes-types/core/v1.d.ts";
import type { WatcherSpec } from "../../../api/watcher.ts";
import { type Finding, warning } from "../../finding.ts";

const PROBES = ["livenessProbe", "readinessProbe", "startupProbe"] as const;
const HOOKS = ["postStart", "preStop"] as const;

interface Handler {
  readonly httpGet?: HTTPGetAction;
  readonly tcpSocket?: TCPSocketAction;
}

interface Sleeping {
  readonly sleep?: { readonly seconds: number };
}

/** What can be wrong with probes and lifecycle hooks. */
export const handlerFindings = ({ container }: WatcherSpec): readonly Finding[] => {
  const { ports = [], lifecycle } = container;
  const names = new Set(ports.map(({ name }) => name));
  const base = ["spec", "container"];
  return [
    ...PROBES.flatMap((probe) => portFindings(container[probe], [...base, probe], names)),
    ...HOOKS.flatMap((hook) => portFindings(lifecycle?.[hook], [...base, "lifecycle", hook], names)),
    ...HOOKS.flatMap((hook) => sleepFindings(lifecycle?.[hook], [...base, "lifecycle", hook])),
    ...(lifecycle !== undefined && "stopSignal" in lifecycle
      ? [warning([...base, "lifecycle", "stopSignal"], "is refused in Pods without spec.os.name: have them say it")]
      : []),
  ];
};

const portFindings = (
  handler: Handler | undefined,
  path: Finding["path"],
  names: ReadonlySet<string | undefined>,
): readonly Finding[] =>
  (["httpGet", "tcpSocket"] as const).flatMap((action) => {
    const port = handler?.[action]?.port;
    if (typeof port !== "string" || names.has(port)) return [];
    const message = "is the name of none of the container's ports: nothing will be reached";
    return [warning([...path, action, "port"], message)];
  });

/** Of a Pod that does not say otherwise. Source: Kubernetes' `DefaultTerminationGracePeriodSeconds`. */
const GRACE_PERIOD = 30;

const sleepFindings = (handler: Sleeping | undefined, path: Finding["path"]): readonly Finding[] => {
  const seconds = handler?.sleep?.seconds ?? 0;
  if (seconds <= GRACE_PERIOD) return [];
  const message = `is refused in Pods with a shorter terminationGracePeriodSeconds, which is ${GRACE_PERIOD} where a Pod does not say`;
  return [warning([...path, "sleep", "seconds"], message)];
};
