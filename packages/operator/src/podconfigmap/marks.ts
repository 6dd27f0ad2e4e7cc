import type { ObjectMeta, OwnerReference } from "@pcmc/controller-runtime";
import { type Claim, marksOf } from "./ownership.ts";

type LabelMap = Readonly<Record<string, string>>;

/** Metadata with our marks, and whether that is a difference to what it was. */
export interface Marked {
  readonly metadata: ObjectMeta;
  readonly changed: boolean;
}

/**
 * `metadata` with the marks of `claim` put back where they are missing or changed. What others have added stays: labels,
 * annotations, ownerReferences to other objects, finalizers.
 */
export const withMarks = (metadata: ObjectMeta, claim: Claim): Marked => {
  const marks = marksOf(claim);
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

const holds = (existing: LabelMap = {}, marks: LabelMap): boolean =>
  Object.entries(marks).every(([key, value]) => Object.hasOwn(existing, key) && existing[key] === value);

/** One reference with our UID, and that one as we write it: with `controller` or `blockOwnerDeletion` it is not ours. */
const hasExactly = (existing: readonly OwnerReference[] = [], ours: OwnerReference): boolean => {
  const [found, ...more] = existing.filter(({ uid }) => uid === ours.uid);
  if (found === undefined || more.length > 0) return false;
  return (
    found.apiVersion === ours.apiVersion &&
    found.kind === ours.kind &&
    found.name === ours.name &&
    !found.controller &&
    !found.blockOwnerDeletion
  );
};
