import type { Client, ClusterConfig, Controller, Registry } from "@pcmc/controller-runtime";
import type { TemplateEngine } from "@pcmc/gotemplate";
import type { OperatorMetrics } from "../metrics/operator-metrics.ts";
import { podLogReaderMetrics } from "../metrics/podlogreader-metrics.ts";
import { watcherMetrics } from "../metrics/watcher-metrics.ts";
import type { Settings } from "../settings/settings.ts";
import { type ControllerParts, limitsOf } from "./controller-parts.ts";
import type { Group } from "./names.ts";
import { podWorkers } from "./workers.ts";

/** Makes the controllers of one term of a leader, which write with `client`. */
export type MakeControllers = (client: Client) => readonly Controller[];

/** What the groups are made of. */
export interface GroupParts extends Pick<ControllerParts, "cache" | "events" | "log" | "observer" | "queueMetrics"> {
  readonly settings: Settings;
  readonly config: Pick<ClusterConfig, "namespace">;
  readonly registry: Registry;
  readonly metrics: OperatorMetrics;
  /** Renders templates. The caller closes it. */
  readonly engine: Pick<TemplateEngine, "compileAll">;
}

type LoadGroup = (common: ControllerParts, parts: GroupParts) => Promise<MakeControllers>;

/** Each group's code is loaded when it is chosen: what nobody runs takes no memory. */
const groups: Readonly<Record<Group, LoadGroup>> = {
  podconfigmap: async (common, { settings, metrics, engine }) => {
    const { podConfigMapControllers } = await import("../podconfigmap/controllers.ts");
    const workers = { podWorkers: podWorkers(settings), pcmcWorkers: settings.controllerPcmcWorkers };
    return podConfigMapControllers({ ...common, ...workers, metrics, engine });
  },
  watcher: async (common, { settings, config, registry, metrics: shared }) => {
    const { watcherControllers } = await import("../watcher/controllers.ts");
    const { watchNamespaces, podNamespace: ownNamespace = config.namespace } = settings;
    return watcherControllers({ ...common, ownNamespace, watchNamespaces, metrics: watcherMetrics(registry, shared) });
  },
  podlogreader: async (common, { settings, registry, metrics: shared }) => {
    const { podLogReaderControllers } = await import("../podlogreader/controllers.ts");
    const metrics = podLogReaderMetrics(registry, shared);
    const { createSaAndRolebinding: createSaAndRoleBinding, allowPodGet } = settings;
    return podLogReaderControllers({ ...common, metrics, createSaAndRoleBinding, allowPodGet });
  },
};

/**
 * The controllers that are chosen, on one cache and one recorder. Their informers are asked for at once, so that a standby
 * keeps them in step.
 */
export const loadControllers = async (parts: GroupParts): Promise<MakeControllers> => {
  const { settings, metrics } = parts;
  const common = commonOf(parts);
  const chosen = await Promise.all(settings.controllers.map((group) => groups[group](common, parts)));
  return (client) => {
    const controllers = chosen.flatMap((make) => make(client));
    metrics.show({ queueDepths: () => controllers.map(({ name, queueLength }) => [name, queueLength]) });
    return controllers;
  };
};

const commonOf = ({ cache, events, log, observer, queueMetrics, settings }: GroupParts): ControllerParts => ({
  cache,
  events,
  log,
  observer,
  queueMetrics,
  ...limitsOf(settings),
});
