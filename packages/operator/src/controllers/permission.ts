/** One rule that a controller needs, and why: manifests and their comments are made of these. */
export interface Permission {
  /** One or two sentences. */
  readonly why: string;
  /** API group; empty = core. */
  readonly group: string;
  /** Plurals, with the subresource where there is one: `pods/log`. */
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** Absent = all objects of the resource. */
  readonly names?: readonly string[];
  /**
   * True: never used by a request of ours. It is held only because the API server lets nobody grant what they do not hold
   * (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping).
   */
  readonly heldToGrant?: true;
}
