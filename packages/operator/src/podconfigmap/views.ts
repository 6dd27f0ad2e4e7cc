import type { ObjectMeta } from "@pcmc/controller-runtime";
import type { Labels } from "./selector.ts";

/** What the default data and the selectors need of a Pod. */
export interface PodView {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly labels: Labels | undefined;
  readonly annotations: Labels | undefined;
  /** `undefined` while the Pod is not scheduled. */
  readonly nodeName: string | undefined;
  readonly phase: string | undefined;
  /** Set: the Pod is terminating, and nothing is made for it any more. */
  readonly deletionTimestamp: string | undefined;
}

/**
 * A ConfigMap as the cache holds it. `metadata` must be whole but for managedFields: an update is made of it, and what it does
 * not hold, such as finalizers, would be taken off the object.
 */
export interface ExistingConfigMap {
  readonly metadata: ObjectMeta & { readonly name: string; readonly uid: string; readonly resourceVersion: string };
  /** `digestOf(data)`; `undefined` where there is no data. */
  readonly dataDigest: string | undefined;
  /** `digestOf(binaryData)`; `undefined` where there is none. */
  readonly binaryDataDigest: string | undefined;
  readonly immutable: boolean;
}

/** A ConfigMap as it should be. */
export interface DesiredConfigMap {
  readonly name: string;
  readonly namespace: string;
  readonly data: Readonly<Record<string, string>>;
}
