import type { ObjectMeta, OwnerReference } from "@pcmc/controller-runtime";

type LabelMap = Readonly<Record<string, string>>;

/** What an object carries that says whose it is. */
export interface Marks {
  readonly labels: LabelMap;
  readonly annotations: LabelMap;
  readonly ownerReference: OwnerReference;
}

/** Metadata with our marks, and whether that is a difference to what it was. */
export interface Marked {
  readonly metadata: ObjectMeta;
  readonly changed: boolean;
}

/**
 * `metadata` with `marks` put back where they are missing or changed. What others have added stays: labels, annotations,
 * ownerReferences to other objects, finalizers.
 */
export const withMarks = (metadata: ObjectMeta, marks: Marks): Marked => {
  const labelsStand = holds(metadata.labels, marks.labels);
  const annotationsStand = holds(metadata.annotations, marks.annotations);
  const ownerStands = hasExactly(metadata.ownerReferences, marks.ownerReference);
  const { uid } = marks.ownerReference;
  return {
    changed: !(labelsStand && annotationsStand && ownerStands),
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...marks.labels },
      ...(annotationsStand ? {} : { annotations: { ...metadata.annotations, ...marks.annotations } }),
      ...(ownerStands
        ? {}
        : {
            ownerReferences: [
              ...(metadata.ownerReferences ?? []).filter((other) => other.uid !== uid),
              marks.ownerReference,
            ],
          }),
    },
  };
};

/** What of an object's metadata goes over to its successor, when it is deleted and made again. */
export const reborn = ({ name, namespace, labels, annotations, ownerReferences }: ObjectMeta): ObjectMeta => ({
  ...(name !== undefined && { name }),
  ...(namespace !== undefined && { namespace }),
  ...(labels && { labels }),
  ...(annotations && { annotations }),
  ...(ownerReferences && { ownerReferences }),
});

const holds = (existing: LabelMap = {}, marks: LabelMap): boolean =>
  Object.entries(marks).every(([key, value]) => Object.hasOwn(existing, key) && existing[key] === value);

/** One reference with our UID, and that one as we write it. */
const hasExactly = (existing: readonly OwnerReference[] = [], ours: OwnerReference): boolean => {
  const [found, ...more] = existing.filter(({ uid }) => uid === ours.uid);
  if (found === undefined || more.length > 0) return false;
  return (
    found.apiVersion === ours.apiVersion &&
    found.kind === ours.kind &&
    found.name === ours.name &&
    (found.controller ?? false) === (ours.controller ?? false) &&
    (found.blockOwnerDeletion ?? false) === (ours.blockOwnerDeletion ?? false)
  );
};
