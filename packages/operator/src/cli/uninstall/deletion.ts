import {
  ConflictError,
  type KubernetesObject,
  keyOf,
  NotFoundError,
  type Projection,
  parseKey,
  type Resource,
  type Stored,
} from "@pcmc/controller-runtime";
import { callOf, type StepContext } from "./step.ts";

/** Deletions under way at a time. */
const AT_ONCE = 16;

/** What says whose an object is. */
const METADATA: Projection = { metadata: { labels: true, annotations: true, ownerReferences: true } };

/** The metadata of an object as the API server has it. */
export type StoredMetadata = Stored<KubernetesObject>["metadata"];

/** Which objects of a kind are to go. */
export interface Sought {
  readonly resource: Resource;
  readonly labelSelector: string;
  /** Absent = all namespaces. */
  readonly namespace?: string | undefined;
  /** Whether one that was found is ours to delete. */
  readonly isOurs: (metadata: StoredMetadata) => boolean;
}

/** What was found: what went, or would go, and what looks like ours and is not surely so. */
export interface Deleted {
  readonly gone: readonly string[];
  readonly left: readonly string[];
}

/**
 * Deletes what was sought, each only as it was seen: one that changes meanwhile is `left`. A kind that the API server does not
 * know has no objects.
 *
 * @throws what the client throws for all else.
 */
export const deleteAll = async (context: StepContext, sought: Sought): Promise<Deleted> => {
  const { resource, labelSelector, namespace, isOurs } = sought;
  const deleted: { readonly gone: string[]; readonly left: string[] } = { gone: [], left: [] };
  const remove = async (object: Stored<KubernetesObject>): Promise<void> => {
    const goes = isOurs(object.metadata) && (context.mode === "look" || (await deleteSeen(context, resource, object)));
    (goes ? deleted.gone : deleted.left).push(keyOf(object));
  };
  const options = { labelSelector, namespace, project: METADATA, ...callOf(context) };
  try {
    for await (const { items } of context.client.pages(resource, options)) await inParts(items, remove);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
  return deleted;
};

/** Whether it is gone; not when it is another one by now. */
const deleteSeen = async (
  context: StepContext,
  resource: Resource,
  object: Stored<KubernetesObject>,
): Promise<boolean> => {
  const { uid, resourceVersion } = object.metadata;
  const options = {
    preconditions: { uid, resourceVersion },
    propagationPolicy: "Background",
    ...callOf(context),
  } as const;
  try {
    await context.client.delete(resource, parseKey(keyOf(object)), options);
    return true;
  } catch (error) {
    if (error instanceof NotFoundError) return true;
    if (error instanceof ConflictError) return false;
    throw error;
  }
};

/** Not all at once: the API server has others to serve. */
const inParts = async <T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> => {
  for (let at = 0; at < items.length; at += AT_ONCE) await Promise.all(items.slice(at, at + AT_ONCE).map(work));
};
