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

/** A ConfigMap as it should be. */
export interface DesiredConfigMap {
  readonly name: string;
  readonly namespace: string;
  readonly data: Readonly<Record<string, string>>;
}
