import type { Lease, LeaseSpec } from "kubernetes-types/coordination/v1.d.ts";
import type { ObjectKey, Stored } from "../object.ts";
import { defineResource } from "../resource.ts";

export type { Lease } from "kubernetes-types/coordination/v1.d.ts";

/**
 * The lock that replicas share. What is in it, and when, is client-go's (`tools/leaderelection/leaderelection.go` and
 * `resourcelock/leaselock.go`), so that replicas of both kinds can share one.
 */
export const Leases = defineResource<Lease>({
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
});

/** Who writes a record, and when. */
export interface Claim {
  readonly identity: string;
  /** Milliseconds. The record has whole seconds: rounded up, so that nobody counts a shorter time than we do. */
  readonly leaseDuration: number;
  readonly date: Date;
}

/** Who holds a Lease; `undefined` where nobody does. A Lease that was released has the holder `""`. */
export const holderOf = (lease: Lease): string | undefined => lease.spec?.holderIdentity || undefined;

/** For how long a Lease holds after it was seen to be renewed, milliseconds; `fallback` where it does not say. */
export const durationOf = (lease: Lease, fallback: number): number =>
  lease.spec?.leaseDurationSeconds === undefined ? fallback : lease.spec.leaseDurationSeconds * 1_000;

/**
 * Whether two states say the same of the election. One that does not is a sign of life of the holder; a new label is
 * none.
 */
export const hasSameRecord = (a: Stored<Lease>, b: Stored<Lease>): boolean =>
  a.metadata.uid === b.metadata.uid && RECORD.every((field) => a.spec?.[field] === b.spec?.[field]);

const RECORD = ["holderIdentity", "leaseDurationSeconds", "acquireTime", "renewTime", "leaseTransitions"] as const;

/** The record of a holder, after `before`: a holder that stays keeps its time and count, a new one starts a term. */
export const heldSpec = (before: LeaseSpec | undefined, { identity, leaseDuration, date }: Claim): LeaseSpec => {
  const now = microTime(date);
  const stays = before?.holderIdentity === identity;
  const transitions = before?.leaseTransitions ?? 0;
  return {
    // What a record of today does not have, such as `strategy`, is not ours to drop.
    ...before,
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(leaseDuration / 1_000),
    acquireTime: (stays && before.acquireTime) || now,
    renewTime: now,
    leaseTransitions: before === undefined || stays ? transitions : transitions + 1,
  };
};

/** The record of a Lease that its holder gives back; the second stands for "at once", for clients that look at it. */
export const releasedSpec = (before: LeaseSpec | undefined, date: Date): LeaseSpec => {
  const now = microTime(date);
  return {
    ...before,
    holderIdentity: "",
    leaseDurationSeconds: 1,
    acquireTime: now,
    renewTime: now,
    leaseTransitions: before?.leaseTransitions ?? 0,
  };
};

/** A Lease to be created. */
export const newLease = ({ namespace, name }: ObjectKey, spec: LeaseSpec): Lease => ({
  metadata: { namespace, name },
  spec,
});

/** A Kubernetes `MicroTime`: RFC 3339 in UTC with six digits. */
const microTime = (date: Date): string => date.toISOString().replace("Z", "000Z");
