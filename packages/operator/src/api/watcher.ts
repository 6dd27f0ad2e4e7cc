import type { LocalObjectReference } from "kubernetes-types/core/v1.d.ts";
import type { ObjectMeta } from "kubernetes-types/meta/v1.d.ts";
import { conditionsSchema } from "./conditions.ts";
import type { CustomResource } from "./crd.ts";
import { dataKeys } from "./data-key-rule.ts";
import { labelSelectorSchema } from "./label-selector.ts";
import { containerSchema, localObjectReferenceSchema, volumeSchema } from "./pod/pod-api.ts";
import {
  array,
  integer,
  mapOf,
  nullable,
  object,
  oneOf,
  optional,
  rules,
  type Schema,
  type SchemaNode,
  type Static,
  string,
} from "./schema.ts";
import { MAX_NAME } from "./syntax.ts";
import {
  alwaysRestarts,
  type Data,
  fitsConfigMap,
  INJECT_AS,
  MAX_CONFIG_MAP,
  MAX_ENTRIES,
  type Mounting,
  mountsOwnVolume,
  noKeyTwice,
  type Restarting,
} from "./watcher-rules.ts";

/** What happens to Pods that run with what a Watcher said before. */
const ROLLOUT = ["Never", "OnChange"] as const;

const data = (format: Pick<SchemaNode, "format">, description: string) =>
  optional(
    mapOf(string({ ...format, maxLength: 2 * MAX_CONFIG_MAP }), {
      description,
      maxProperties: MAX_ENTRIES,
      ...rules(dataKeys),
    }),
  );

/** The name is all there is to it, so it has to be there. */
const pullSecretSchema: Schema<LocalObjectReference> = {
  ...localObjectReferenceSchema,
  description: "The Secret that the image is pulled with. It is added to the Pod's imagePullSecrets.",
  required: ["name"],
  properties: { name: { type: "string", description: "The Secret's name.", minLength: 1, maxLength: MAX_NAME } },
};

const specSchema = object(
  {
    container: containerSchema,
    volume: optional(volumeSchema),
    configData: data(
      {},
      "Data of the managed ConfigMap <watcher>-config, from which the sidecar gets its environment: key -> text.",
    ),
    configBinaryData: data(
      { format: "byte" },
      "Binary data of the managed ConfigMap: key -> base64. It is not in the environment: to read it as files, have volume refer " +
        "to the ConfigMap <watcher>-config.",
    ),
    imagePullSecrets: optional(pullSecretSchema),
    podSelector: optional(
      nullable(
        labelSelectorSchema(
          "Which Pods of this namespace get the sidecar without asking for it by annotation. Absent or null: none; {}: all of them.",
        ),
      ),
    ),
    injectAs: optional(
      oneOf(INJECT_AS, {
        description:
          "Sidecar: an init container with restartPolicy Always (a native sidecar). Container: one more of the Pod's containers. " +
          "Auto: Sidecar where the API server has native sidecars (1.29 and later), else Container.",
        default: "Auto",
      }),
    ),
    rollout: optional(
      oneOf(ROLLOUT, {
        description:
          "What happens to running Pods when what is injected changes. Never: nothing, status.outdated counts them. " +
          "OnChange: the workloads that own them are restarted once.",
        default: "Never",
      }),
    ),
  },
  {
    description: "The sidecar, and the Pods that get it.",
    ...rules<Data & Restarting & Mounting>(
      noKeyTwice,
      fitsConfigMap,
      alwaysRestarts,
      mountsOwnVolume("volumeMounts"),
      mountsOwnVolume("volumeDevices"),
    ),
  },
);

const count = (description: string) => optional(integer({ description, format: "int64", minimum: 0 }));

const missedPod = object({
  name: string({ description: "The Pod's name." }),
  reason: string({ description: "Why it has no sidecar, as one word for programs." }),
});

const statusSchema = object(
  {
    observedGeneration: optional(
      integer({ description: "The metadata.generation that this status is about.", format: "int64" }),
    ),
    configMapName: optional(string({ description: "The managed ConfigMap." })),
    revision: optional(string({ description: "A short hash of what is injected, configData included." })),
    injected: count("How many Pods have the sidecar."),
    missed: count("How many Pods ask for the sidecar and have none."),
    outdated: count("How many Pods have the sidecar of an older revision."),
    missedPods: optional(
      array(missedPod, {
        description: "Up to ten of the Pods that ask for the sidecar and have none, each with the reason.",
        maxItems: 10,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
      }),
    ),
    conditions: optional(
      conditionsSchema(
        "Ready says whether the Watcher injects, ConfigMapReady whether its managed ConfigMap is written; further conditions say " +
          "what is wrong.",
      ),
    ),
  },
  { description: "What the controller has made of spec. Written by the controller only." },
);

/** The API: TypeScript type, CRD and checks are read from here. */
export const watcherResource = {
  group: "watch.example.com",
  version: "v1alpha1",
  kind: "Watcher",
  plural: "watchers",
  singular: "watcher",
  shortNames: ["wch"],
  categories: ["podconfig"],
  description:
    "A Watcher is a sidecar that is injected into new Pods of its namespace: those that ask for it with the annotation " +
    "watch.example.com/inject, and those that its podSelector selects.",
  schema: object({ spec: specSchema, status: optional(statusSchema) }),
  printerColumns: [
    { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
    { name: "Injected", type: "integer", jsonPath: ".status.injected" },
    { name: "Missed", type: "integer", jsonPath: ".status.missed" },
    { name: "Outdated", type: "integer", jsonPath: ".status.outdated" },
    { name: "ConfigMap", type: "string", jsonPath: ".status.configMapName" },
    { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
  ],
} as const satisfies CustomResource;

export type WatcherSpec = Static<typeof specSchema>;
export type WatcherStatus = Static<typeof statusSchema>;

/** A Watcher as users write it and the API server stores it. */
export interface Watcher {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
  /** Required by the CRD; absent in what was stored under another one. */
  spec?: WatcherSpec;
  status?: WatcherStatus;
}
