import {
  type AdmissionRoute,
  type Cache,
  type Client,
  type Logger,
  type Registry,
  type Runnable,
  systemClock,
} from "@pcmc/controller-runtime";
import { injectionMetrics } from "../../metrics/injection-metrics.ts";
import { NamespaceLabels } from "../../watcher/namespace-labels.ts";
import { NativeSidecars } from "../../watcher/native-sidecars.ts";
import { Watchers } from "../../watcher/watchers.ts";
import { injectionRoute } from "./handler.ts";

export interface InjectionParts {
  /** The manager's: Watchers and the labels of namespaces are read from it. */
  readonly cache: Cache;
  /** For what only the webhook asks; not one that only a leader may write with. */
  readonly client: Client;
  readonly ownNamespace: string;
  /** Empty = all. */
  readonly watchNamespaces: readonly string[];
  readonly registry: Registry;
  readonly log: Logger;
}

/** The injecting webhook, and what every replica runs for it. Asks the cache for Watchers at once. */
export const injectionOf = ({
  cache,
  registry,
  ...parts
}: InjectionParts): { readonly route: AdmissionRoute; readonly runnables: readonly Runnable[] } => {
  const { ownNamespace, watchNamespaces } = parts;
  const nativeSidecars = new NativeSidecars({ ...parts, clock: systemClock, random: Math.random });
  return {
    route: injectionRoute({
      watchers: cache.informer(Watchers),
      namespaces: new NamespaceLabels({ cache, watchNamespaces }),
      nativeSidecars,
      ownNamespace,
      watchNamespaces,
      metrics: injectionMetrics(registry),
    }),
    runnables: [nativeSidecars],
  };
};
