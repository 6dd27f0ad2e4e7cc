import type { Stored } from "@pcmc/controller-runtime";
import type { Pod } from "kubernetes-types/core/v1.d.ts";
import type { Watcher } from "../../src/api/watcher.ts";

/** The container of these Watchers. */
export const container = { name: "log-agent", image: "example.com/log-agent:1" };

/** A Watcher as it is stored; `spec` may be anything that a lax definition lets in. */
export const storedWatcher = (name: string, spec: object = {}, rest: Partial<Watcher> = {}): Stored<Watcher> => ({
  apiVersion: "watch.example.com/v1alpha1",
  kind: "Watcher",
  ...rest,
  metadata: { name, namespace: "shop", uid: `uid-of-${name}`, resourceVersion: "1", generation: 1, ...rest.metadata },
  spec: { container, ...spec },
});

/** What of a Pod a test says. */
export interface PodWish {
  readonly metadata?: Pod["metadata"];
  readonly containers?: readonly { readonly name: string; readonly injected?: string }[];
  readonly volumes?: readonly { readonly name: string }[];
  readonly phase?: string;
}

/** A Pod as it is stored, with containers that read the ConfigMap of the Watcher that is `injected`. */
export const storedPod = (
  name: string,
  { metadata, containers = [], volumes = [], phase = "Running" }: PodWish = {},
): Stored<Pod> => ({
  metadata: {
    name,
    namespace: "shop",
    uid: `uid-of-${name}`,
    resourceVersion: "1",
    creationTimestamp: "2026-01-31T12:00:00Z",
    ...metadata,
  },
  spec: {
    containers: containers.map(({ name: containerName, injected }) => ({
      name: containerName,
      ...(injected !== undefined && { envFrom: [{ configMapRef: { name: `${injected}-config` } }] }),
    })),
    volumes: [...volumes],
  },
  status: { phase },
});

/** A Pod that has `watcher` at `revision`. */
export const injectedPod = (name: string, watcher: string, revision: string, wish: PodWish = {}): Stored<Pod> =>
  storedPod(name, {
    ...wish,
    containers: [{ name: "log-agent", injected: watcher }],
    metadata: {
      ...wish.metadata,
      annotations: {
        "watch.example.com/inject": watcher,
        "watch.example.com/injected": watcher,
        "watch.example.com/injected-revision": `${watcher}=${revision}`,
        ...wish.metadata?.annotations,
      },
    },
  });
