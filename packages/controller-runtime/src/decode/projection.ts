/**
 * What of an object an informer needs: a tree of field names. `true` keeps a value as it is, `"digest"` keeps only a
 * digest of it (see `digestOf`), a tree goes on inside; inside an array it goes on in each element.
 *
 * `metadata.{name,namespace,uid,resourceVersion,generation,deletionTimestamp}` are always decoded.
 * `metadata.managedFields` is decoded only where it is named: it is the larger half of many objects, and nobody reads it.
 *
 * @example
 * const podFields: Projection = { metadata: { labels: true }, spec: { nodeName: true }, status: { phase: true } };
 */
export type Projection = true | "digest" | ProjectionTree;

/** The inner node of a projection. */
export interface ProjectionTree {
  readonly [field: string]: Projection;
}

/** Values by projection, which do not keep a projection alive: one may be written inline in a call. */
export class ByProjection<V> {
  readonly #trees = new WeakMap<ProjectionTree, V>();
  readonly #words = new Map<string | true, V>();

  get(projection: Projection): V | undefined {
    return typeof projection === "object" ? this.#trees.get(projection) : this.#words.get(projection);
  }

  set(projection: Projection, value: V): void {
    if (typeof projection === "object") this.#trees.set(projection, value);
    else this.#words.set(projection, value);
  }
}

const ALWAYS: ProjectionTree = {
  metadata: {
    name: true,
    namespace: true,
    uid: true,
    resourceVersion: true,
    generation: true,
    deletionTimestamp: true,
  },
};

/**
 * The union of two projections.
 *
 * @throws TypeError when one wants a digest of what the other wants as a value: one store cannot hold both.
 */
export const mergeProjections = (a: Projection, b: Projection): Projection => {
  if (a === b) return a;
  if (a === "digest" || b === "digest") {
    throw new TypeError("a projection asks for the digest of a value that another asks for whole: use two informers");
  }
  if (a === true || b === true) {
    const other = a === true ? b : a;
    if (other !== true) refuseDigests(other);
    return true;
  }
  const merged = new Map(Object.entries(a));
  for (const [field, projection] of Object.entries(b)) {
    const own = merged.get(field);
    merged.set(field, own === undefined ? projection : mergeProjections(own, projection));
  }
  // Not by assignment: a field may be named __proto__.
  return Object.fromEntries(merged);
};

/** Whether all that `narrow` asks for is in `wide` too. */
export const covers = (wide: Projection, narrow: Projection): boolean => {
  if (wide === narrow) return true;
  if (wide === "digest" || narrow === "digest") return false;
  if (wide === true) return !containsDigest(narrow);
  if (narrow === true) return false;
  return Object.entries(narrow).every(([field, projection]) => {
    const own = Object.hasOwn(wide, field) ? wide[field] : undefined;
    return own !== undefined && covers(own, projection);
  });
};

/** The projection with the fields that are always decoded. */
export const withAlwaysDecoded = (projection: Projection): Projection =>
  projection === true ? true : mergeProjections(projection, ALWAYS);

const containsDigest = (projection: Projection): boolean => {
  if (projection === "digest") return true;
  return projection !== true && Object.values(projection).some(containsDigest);
};

const refuseDigests = (tree: ProjectionTree): void => {
  if (containsDigest(tree)) mergeProjections("digest", true);
};
