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
import { callOf, counted, type StepContext, someOf } from "./step.ts";

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
  /**
   * What may not have changed since then: its `version` where marks that can be taken off say whose it is; else its `uid`, as others
   * may be writing its status.
   */
  readonly precondition: "uid" | "version";
}

/** What was found, as keys. */
export interface Deleted {
  /** It went, or would go. */
  readonly gone: readonly string[];
  /** It has a label of ours, and is not ours to delete. */
  readonly foreign: readonly string[];
  /** It is ours, and became another meanwhile. */
  readonly changed: readonly string[];
}

/**
 * Deletes what was sought, each only as it was seen: one that changes meanwhile stays. A kind that the API server does not
 * know has no objects.
 *
 * @throws what the client throws for all else.
 */
export const deleteAll = async (context: StepContext, sought: Sought): Promise<Deleted> => {
  const { resource, labelSelector, namespace, isOurs } = sought;
  const deleted: Record<keyof Deleted, string[]> = { gone: [], foreign: [], changed: [] };
  const remove = async (object: Stored<KubernetesObject>): Promise<void> => {
    const outcome = isOurs(object.metadata) ? await deleteSeen(context, sought, object) : "foreign";
    deleted[outcome].push(keyOf(object));
  };
  const options = { labelSelector, namespace, project: METADATA, ...callOf(context) };
  try {
    for await (const { items } of context.client.pages(resource, options)) await inParts(items, remove);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
  return deleted;
};

/** What to do about those that are `foreign`: a line, or none. */
export const foreignText = (kind: string, keys: readonly string[]): readonly string[] =>
  keys.length === 0
    ? []
    : [
        `${counted(keys.length, kind)} left, with a label of ours but not surely ours: look at them, and delete them by hand: ${someOf(keys)}`,
      ];

/** What to do about one that is `changed`. */
export const changedText = (kind: string, key: string): string => `${kind} ${key} changed meanwhile: run it again`;

const deleteSeen = async (
  context: StepContext,
  { resource, precondition }: Sought,
  object: Stored<KubernetesObject>,
): Promise<"gone" | "changed"> => {
  if (context.mode === "look") return "gone";
  const { uid, resourceVersion } = object.metadata;
  const options = {
    preconditions: precondition === "uid" ? { uid } : { uid, resourceVersion },
    propagationPolicy: "Background",
    ...callOf(context),
  } as const;
  try {
    await context.client.delete(resource, parseKey(keyOf(object)), options);
    return "gone";
  } catch (error) {
    if (error instanceof NotFoundError) return "gone";
    if (error instanceof ConflictError) return "changed";
    throw error;
  }
};

/** Not all at once: the API server has others to serve. */
const inParts = async <T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> => {
  for (let at = 0; at < items.length; at += AT_ONCE) await Promise.all(items.slice(at, at + AT_ONCE).map(work));
};
