import type { ObjectReference } from "kubernetes-types/core/v1.d.ts";
import type { KubernetesObject } from "../object.ts";
import { type EventType, type NewEvent, referenceTo } from "./event.ts";
import { clipNote } from "./text.ts";

/** The limit of the API for reason and action, bytes. */
const WORD_LIMIT = 128;

/** What an Event says, apart from when and how often. */
export interface Content {
  readonly regarding: ObjectReference;
  readonly related: ObjectReference | undefined;
  readonly type: EventType;
  readonly reason: string;
  readonly action: string;
  readonly note: string;
  readonly distinctBy: string | undefined;
}

/** The content of what a caller records, with references for objects and the note cut to what the API takes. */
export const contentOf = ({ regarding, related, type, reason, action, note, distinctBy }: NewEvent): Content => ({
  regarding: asReference(regarding),
  related: related === undefined ? undefined : asReference(related),
  type,
  reason,
  action,
  note: clipNote(note),
  distinctBy,
});

/** Why the API would refuse it, `undefined` when it would not. */
export const faultOf = ({ regarding, type, reason, action }: Content): string | undefined => {
  if (!regarding.name) return "regarding has no name";
  if (!regarding.kind || !regarding.apiVersion) return "regarding has no kind or no apiVersion";
  if (type !== "Normal" && type !== "Warning") return `type is ${String(type)}, not Normal or Warning`;
  if (!fits(reason)) return `reason must have 1 to ${WORD_LIMIT} bytes`;
  if (!fits(action)) return `action must have 1 to ${WORD_LIMIT} bytes`;
  return undefined;
};

/** Where an Event lives: with its object, or in `default` when that is in no namespace. */
export const namespaceOf = ({ regarding }: Content): string => regarding.namespace || "default";

/** The same for all Events about one object. */
export const objectKeyOf = ({ regarding }: Content): string => identityOf(regarding);

/**
 * The same for Events that are repeats of each other, by client-go's rule: all but the note and the times is equal; and what
 * the caller wants told apart.
 * client-go compares the resourceVersions of the objects too, so that each change of an object begins another series; here
 * it does not.
 */
export const seriesKeyOf = ({ regarding, related, type, reason, action, distinctBy }: Content): string =>
  JSON.stringify([
    identityOf(regarding),
    regarding.fieldPath,
    related && identityOf(related),
    related?.fieldPath,
    type,
    reason,
    action,
    distinctBy,
  ]);

const identityOf = ({ apiVersion, kind, namespace, name, uid }: ObjectReference): string =>
  JSON.stringify([apiVersion, kind, namespace, name, uid]);

const asReference = (target: KubernetesObject | ObjectReference): ObjectReference =>
  "metadata" in target ? referenceTo(target) : { ...target };

const fits = (word: string): boolean => word !== "" && Buffer.byteLength(word) <= WORD_LIMIT;
