import { apiError } from "../../src/errors.ts";
import type { Lease } from "../../src/leader/lease.ts";
import type { Stored } from "../../src/object.ts";

export type StoredLease = Stored<Lease>;

export interface LeaseEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: StoredLease;
  readonly revision: number;
}

/** The error of an API server, by code and reason. */
export const refusal = (code: number, reason: string, more: { message?: string; cause?: string } = {}) =>
  apiError({
    status: {
      code,
      reason,
      message: more.message ?? reason,
      ...(more.cause === undefined ? {} : { details: { causes: [{ reason: more.cause }] } }),
    },
    request: "PUT /apis/coordination.k8s.io/v1/namespaces/system/leases/lock",
  });

/** One Lease as an API server keeps it: with uid, resourceVersion, conflicts and a history for watches. */
export class LeaseServer {
  /** As an API server's: of the whole etcd. */
  revision = 100;
  readonly history: LeaseEvent[] = [];
  readonly #listeners = new Set<() => void>();
  #lease: StoredLease | undefined;
  #uids = 0;

  get lease(): StoredLease | undefined {
    return this.#lease;
  }

  /** @throws NotFoundError */
  read(): StoredLease {
    if (this.#lease === undefined) throw refusal(404, "NotFound");
    return this.#lease;
  }

  /** @throws AlreadyExistsError */
  create(lease: Lease): StoredLease {
    if (this.#lease !== undefined) throw refusal(409, "AlreadyExists");
    return this.#store(lease, `uid-${++this.#uids}`, "ADDED");
  }

  /** @throws ConflictError, for a Lease that is gone too: the uid is a precondition. */
  update(lease: Lease): StoredLease {
    const { uid, resourceVersion } = lease.metadata ?? {};
    const { metadata } = this.#lease ?? {};
    if (metadata === undefined || uid !== metadata.uid || resourceVersion !== metadata.resourceVersion) {
      throw refusal(409, "Conflict");
    }
    return this.#store(lease, metadata.uid, "MODIFIED");
  }

  /** What `kubectl edit` does: whatever was there before. */
  edit(change: Lease): StoredLease {
    const { metadata, spec } = this.read();
    const edited = {
      metadata: { ...metadata, ...change.metadata },
      spec: { ...spec, ...change.spec },
    };
    return this.#store(edited, metadata.uid, "MODIFIED");
  }

  delete(): void {
    const last = this.read();
    this.#lease = undefined;
    this.revision += 1;
    const metadata = { ...last.metadata, resourceVersion: String(this.revision) };
    this.#tell({ type: "DELETED", object: { ...last, metadata }, revision: this.revision });
  }

  /** Calls `listener` after each change; returns a function that ends it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #store({ metadata, spec }: Lease, uid: string, type: "ADDED" | "MODIFIED"): StoredLease {
    this.revision += 1;
    const resourceVersion = String(this.revision);
    const object = {
      metadata: { ...metadata, name: metadata?.name ?? "", uid, resourceVersion },
      ...(spec === undefined ? {} : { spec }),
    };
    this.#lease = object;
    this.#tell({ type, object, revision: this.revision });
    return object;
  }

  #tell(event: LeaseEvent): void {
    this.history.push(event);
    for (const listener of [...this.#listeners]) listener();
  }
}
