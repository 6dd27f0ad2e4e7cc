import { defineResource } from "@pcmc/controller-runtime";
import { type Watcher, watcherResource } from "../api/watcher.ts";

/** Watchers, for client and cache. Not beside their schema, which commands without a cluster load too. */
export const Watchers = defineResource<Watcher>({
  apiVersion: `${watcherResource.group}/${watcherResource.version}`,
  kind: watcherResource.kind,
  plural: watcherResource.plural,
  namespaced: true,
});
