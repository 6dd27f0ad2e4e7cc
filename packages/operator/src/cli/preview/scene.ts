import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import type { ParsedConfig } from "../../podconfigmap/config.ts";
import type { Rendering, TemplateFault } from "../../podconfigmap/desired.ts";
import type { PodView } from "../../podconfigmap/views.ts";
import type { NamedPod } from "./pods.ts";

/** One namespace, as it is or as the files say. */
export interface Scene {
  readonly namespace: string;
  readonly pods: readonly NamedPod[];
  /** All PodConfigMapConfigs: the names of ConfigMaps depend on all of them. */
  readonly configs: readonly ParsedConfig[];
  /** Names of those that are previewed. */
  readonly shown: ReadonlySet<string>;
}

/** What is to come of one Pod under one PodConfigMapConfig. */
export type Result =
  | {
      readonly kind: "made";
      readonly pod: string;
      readonly pcmc: string;
      /** The ConfigMap as it is; `undefined` = there is none. */
      readonly before: ConfigMap | undefined;
      readonly after: ConfigMap;
    }
  | {
      readonly kind: "failed";
      readonly pod: string;
      readonly pcmc: string;
      readonly message: string;
      readonly faults: readonly TemplateFault[];
    }
  /** The Pod is no longer selected, or has the ConfigMap under another name now. */
  | { readonly kind: "deleted"; readonly pod: string; readonly pcmc: string; readonly before: ConfigMap }
  /** Nothing can be done before something else has ended. */
  | { readonly kind: "waits"; readonly pcmc: string; readonly message: string }
  /** There was no time left to look at it. */
  | { readonly kind: "late"; readonly pod: string; readonly pcmc: string };

/** Plans one Pod after the other, as they are asked for. Once `isOver`, a Pod is no longer planned: its results are failed or late. */
export type Plan = (isOver: () => boolean) => Iterable<Result>;

/** Looks up what the templates of a PodConfigMapConfig came to. */
export type Renderings = (config: ParsedConfig, pod: PodView) => Rendering;

/** What the default data and the selectors need of a Pod. */
export const viewOf = ({ metadata, spec, status }: NamedPod): PodView => ({
  name: metadata.name,
  namespace: metadata.namespace,
  uid: metadata.uid,
  labels: metadata.labels ?? undefined,
  annotations: metadata.annotations ?? undefined,
  nodeName: spec?.nodeName ?? undefined,
  phase: status?.phase ?? undefined,
  deletionTimestamp: metadata.deletionTimestamp ?? undefined,
});
