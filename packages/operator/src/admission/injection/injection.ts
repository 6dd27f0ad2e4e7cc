import {
  type AdmissionRoute,
  type Cache,
  type Client,
  type Logger,
  type Registry,
  type Runnable,
  systemClock,
  type Troubles,
} from "@pcmc/controller-runtime";
import { injectionMetrics } from "../../metrics/injection-metrics.ts";
import { NativeSidecars } from "../../watcher/native-sidecars.ts";
import { Watchers } from "../../watcher/watchers.ts";
import { injectionRoute } from "./handler.ts";
import { NamespaceLabels } from "./namespaces.ts";

export interface InjectionParts {
  /** The manager's: Watchers are read from it. */
  readonly cache: Cache;
  /** For what only the webhook asks; not one that only a leader may write with. */
  readonly client: Client;
  readonly ownNamespace: string;
  /** Empty = all. */
  readonly watchNamespaces: readonly string[];
  readonly registry: Registry;
  readonly log: Logger;
  readonly troubles: Troubles;
}

/** The injecting webhook, and what every replica runs for it. Asks the cache for Watchers at once. */
export const injectionOf = ({
  cache,
  registry,
  ...parts
}: InjectionParts): { readonly route: AdmissionRoute; readonly runnables: readonly Runnable[] } => {
  const { ownNamespace, watchNamespaces } = parts;
  const nativeSidecars = new NativeSidecars({ ...parts, clock: systemClock, random: Math.random });
  // Whoever may look at some namespaces only may not list them.
  const namespaces = watchNamespaces.length === 0 ? new NamespaceLabels(parts) : undefined;
  return {
    route: injectionRoute({
      watchers: cache.informer(Watchers),
      namespaces: namespaces ?? { labelsOf: () => undefined },
      nativeSidecars,
      ownNamespace,
      watchNamespaces,
      metrics: injectionMetrics(registry),
    }),
    runnables: [nativeSidecars, ...(namespaces === undefined ? [] : [namespaces])],
  };
};
