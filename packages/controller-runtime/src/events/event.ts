import type { ObjectReference } from "kubernetes-types/core/v1.d.ts";
import type { Event } from "kubernetes-types/events/v1.d.ts";
import type { KubernetesObject } from "../object.ts";
import { defineResource } from "../resource.ts";

export type { ObjectReference } from "kubernetes-types/core/v1.d.ts";

/** `events.k8s.io/v1`. The same objects are served as `v1` Events, where `note` is `message`. */
export const Events = defineResource<Event>({
  apiVersion: "events.k8s.io/v1",
  kind: "Event",
  plural: "events",
  namespaced: true,
});

/** `Normal` informs; `Warning` says that something may not be right. */
export type EventType = "Normal" | "Warning";

/** Something that happened to an object, in the words of whoever saw it. */
export interface NewEvent {
  /** What it happened to: an object with `apiVersion`, `kind` and `metadata`, or a reference. */
  readonly regarding: KubernetesObject | ObjectReference;
  /** A second object that had a part in it. */
  readonly related?: KubernetesObject | ObjectReference | undefined;
  readonly type: EventType;
  /** Why, as one word in camel case that programs can compare: `TemplateFailed`. At most 128 bytes. */
  readonly reason: string;
  /** What was done, or was to be done: `Render`. At most 128 bytes. */
  readonly action: string;
  /** For people. Cut at 1,024 bytes. The API never changes it, so a series keeps the note of its first Event. */
  readonly note: string;
  /** Events that differ in this are no repeats of each other, though all else is equal: a generation. Not shown. */
  readonly distinctBy?: string | undefined;
}

/** What a reconciler is handed to record Events with; an `EventRecorder` is one. */
export interface Recorder {
  /**
   * Records an Event. Returns at once, never throws; the Event is written later, or dropped and counted.
   *
   * @example
   * events.event({ regarding: pod, type: "Warning", reason: "Conflict", action: "Apply", note: "ConfigMap a is not ours" });
   */
  event(event: NewEvent): void;
}

/** The reference to an object, as client-go makes it. */
export const referenceTo = ({ apiVersion, kind, metadata }: KubernetesObject): ObjectReference => ({
  ...(apiVersion === undefined ? {} : { apiVersion }),
  ...(kind === undefined ? {} : { kind }),
  ...(metadata?.namespace ? { namespace: metadata.namespace } : {}),
  ...(metadata?.name === undefined ? {} : { name: metadata.name }),
  ...(metadata?.uid === undefined ? {} : { uid: metadata.uid }),
  ...(metadata?.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion }),
});
