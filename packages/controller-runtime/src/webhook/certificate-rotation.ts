import type { Validity } from "./certificate-authority.ts";

/** A CA certificate, as far as rotation is concerned. */
export interface AuthorityFacts extends Validity {
  /** What tells it from all others. */
  readonly id: string;
  /** Whether the private key is at hand, so that it can sign. */
  readonly hasKey: boolean;
}

/** A serving certificate, as far as rotation is concerned. */
export interface LeafFacts extends Validity {
  readonly id: string;
  /** The authority that has signed it. */
  readonly authority: string;
  /** Whether it is for all the names by which the API server asks for us. */
  readonly fits: boolean;
}

/** What the Secret holds, of which only what is whole and belongs together is told. */
export interface HeldFacts {
  readonly leaf?: LeafFacts | undefined;
  readonly authorities: readonly AuthorityFacts[];
}

/** For how long each authority has been in every registered caBundle, milliseconds; `unknown` while they cannot be read. */
export type Trust = ReadonlyMap<string, number> | "unknown";

/** Everything that one replica knows. */
export interface RotationView {
  /** The wall clock, milliseconds. */
  readonly now: number;
  readonly held: HeldFacts;
  /**
   * For how long this state of the Secret has been seen, milliseconds. Not of the leaf: it may have been replaced, served by
   * somebody, and put back, between two looks.
   */
  readonly heldFor: number;
  readonly trust: Trust;
  /** What this replica serves now; it may be of an earlier Secret. */
  readonly serving?: LeafFacts | undefined;
}

/** Times in milliseconds. */
export interface RotationPolicy {
  readonly leafLife: number;
  readonly authorityLife: number;
  /** How long before its making a certificate is valid, for clocks that are behind. */
  readonly backdate: number;
  /**
   * The bound that all safety rests on: within this time every API server works with a changed configuration, and every
   * replica has seen a changed configuration or Secret.
   */
  readonly propagation: number;
}

/** What to write into the Secret; one thing at a time, each of which is safe whatever comes after. */
export type Change =
  /** Nothing there can be served or signed with: a new authority and a leaf of it. */
  | { readonly kind: "start" }
  /** Put back what this replica serves, with its authorities: the Secret has been emptied or damaged. */
  | { readonly kind: "restore" }
  /** A new authority beside those that are there. It signs nothing before all have it. */
  | { readonly kind: "add-authority" }
  | { readonly kind: "issue-leaf"; readonly issuer: string }
  /** Authorities whose leaves nobody serves any more. */
  | { readonly kind: "drop-authorities"; readonly authorities: readonly string[] };

export interface RotationStep {
  readonly change: Change | undefined;
  /** `held`: the leaf of the Secret. `serving`: what is served already, or nothing. */
  readonly serve: "held" | "serving";
}

/** Part of its life after which a certificate is replaced. */
const RENEW_AT = 2 / 3;
/** Part of its life before whose end a leaf is replaced by any means, tested or not. */
const URGENT = 1 / 10;
/**
 * What a replica does next about certificates. Pure: the same view gives the same step, and each replica takes it by itself,
 * so no leader is needed.
 *
 * ```
 *   A            A signs the leaf; A is registered
 *   B A          A is past 2/3 of its life: B is made, and published beside it. The leaf stays
 *   B A  leaf/B  B has been registered everywhere for `propagation`: from now on it signs
 *   B            leaf/B has been there for so long that no replica serves one of A: A goes
 * ```
 *
 * A leaf is served only once its authority has been registered for `propagation`, unless what is served now is worse. So a
 * Secret that was deleted, restored from an old copy, or rewritten by hand changes nothing for clients either.
 */
export const nextStep = (view: RotationView, policy: RotationPolicy): RotationStep => {
  const state = new RotationState(view, policy);
  return { change: state.change(), serve: state.serve() };
};

/**
 * How often a replica looks at the Secret at least, milliseconds, told of a change or not: a watch may be silent, the wall clock
 * may be set, and a machine may sleep.
 */
export const lookInterval = ({ propagation }: RotationPolicy): number => propagation / 3;

/** Which authorities a bundle for registration must have, besides those in the Secret: none, or all that is registered. */
export const keepsRegistered = (view: RotationView, policy: RotationPolicy): boolean =>
  !new RotationState(view, policy).isSettled();

/** When a certificate is to be replaced. */
export const renewalTime = ({ notBefore, notAfter }: Validity, { backdate }: RotationPolicy): number => {
  const start = Math.min(notBefore + backdate, notAfter);
  return start + (notAfter - start) * RENEW_AT;
};

class RotationState {
  readonly #view: RotationView;
  readonly #policy: RotationPolicy;
  readonly #now: number;
  /** The leaf in the Secret, if it can be served. */
  readonly #leaf: LeafFacts | undefined;
  /** Those that hold now, the newest first. */
  readonly #authorities: readonly AuthorityFacts[];
  /** Those that can sign something that lasts. */
  readonly #issuers: readonly AuthorityFacts[];

  constructor(view: RotationView, policy: RotationPolicy) {
    const { held, now } = view;
    this.#view = view;
    this.#policy = policy;
    this.#now = now;
    this.#authorities = held.authorities
      .filter((authority) => holds(authority, now))
      .toSorted((a, b) => b.notBefore - a.notBefore || (a.id < b.id ? -1 : 1));
    const shortest = Math.min(policy.leafLife, policy.authorityLife) * URGENT;
    this.#issuers = this.#authorities.filter(({ hasKey, notAfter }) => hasKey && notAfter - now > shortest);
    this.#leaf = this.#usable(held.leaf);
  }

  change(): Change | undefined {
    return this.#firstLeaf() ?? this.#newAuthority() ?? this.#nextLeaf() ?? this.#drop();
  }

  serve(): RotationStep["serve"] {
    const { serving } = this.#view;
    const offered = this.#leaf;
    if (offered === undefined) return "serving";
    if (serving === undefined || !holds(serving, this.#now) || serving.id === offered.id) return "held";
    // An old copy of the Secret has come back; its leaf is about to be replaced.
    const isDue = this.#now >= renewalTime(offered, this.#policy);
    if (isDue && offered.notAfter < serving.notAfter && this.#isKnown(serving.authority)) return "serving";
    if (this.#view.trust === "unknown" || offered.authority === serving.authority) return "held";
    // Seen for so long, what is registered is not from before the Secret became what it is.
    if (this.#isTrusted(offered.authority) && this.#view.heldFor >= this.#policy.propagation) return "held";
    // What is served is what clients accept. The other one they may not know yet.
    return this.#isKnown(serving.authority) ? "serving" : "held";
  }

  /** Whether all clients have known the authority of the leaf, and all replicas the leaf, for long enough. */
  isSettled(): boolean {
    const { propagation } = this.#policy;
    if (this.#leaf === undefined) return false;
    // A replica takes up to one propagation to learn of a registration or of a leaf, waits for another before it serves the
    // leaf, and looks within a third (`lookInterval`).
    return (this.#trustedFor(this.#leaf.authority) ?? 0) >= 3 * propagation && this.#view.heldFor >= 3 * propagation;
  }

  /** There is no leaf to serve, or it is for other names. */
  #firstLeaf(): Change | undefined {
    if (this.#leaf?.fits) return undefined;
    const settled = this.#issuers.find(({ id }) => this.#isTrusted(id));
    if (settled !== undefined) return { kind: "issue-leaf", issuer: settled.id };
    if (this.#leaf === undefined && this.#canRestore()) return { kind: "restore" };
    const issuer = this.#known(this.#issuers) ?? this.#issuers[0];
    return issuer === undefined ? { kind: "start" } : { kind: "issue-leaf", issuer: issuer.id };
  }

  #canRestore(): boolean {
    const serving = this.#usableAnywhere(this.#view.serving);
    if (serving === undefined || !serving.fits) return false;
    return this.#view.trust === "unknown" || this.#isKnown(serving.authority);
  }

  #newAuthority(): Change | undefined {
    const [newest] = this.#issuers;
    const isDue = newest === undefined || this.#now >= renewalTime(newest, this.#policy);
    return isDue ? { kind: "add-authority" } : undefined;
  }

  #nextLeaf(): Change | undefined {
    const leaf = this.#leaf;
    const [newest] = this.#issuers;
    if (leaf === undefined || newest === undefined) return undefined;
    const hasMoved = leaf.authority !== newest.id && this.#isTrusted(newest.id);
    if (hasMoved) return { kind: "issue-leaf", issuer: newest.id };
    if (this.#now < renewalTime(leaf, this.#policy)) return undefined;
    const lasts = this.#issuers.filter((issuer) => this.#leafEnd(issuer) > leaf.notAfter);
    const settled = lasts.find(({ id }) => this.#isTrusted(id));
    if (settled !== undefined) return { kind: "issue-leaf", issuer: settled.id };
    if (this.#now < this.#urgentTime(leaf)) return undefined;
    // Nobody registers the new authority, or nobody can see whether it is. The old leaf would end all the same.
    const issuer = this.#known(lasts) ?? lasts[0];
    return issuer === undefined ? undefined : { kind: "issue-leaf", issuer: issuer.id };
  }

  /** Of those not known to be registered everywhere for long, the one that clients most likely know. */
  #known(issuers: readonly AuthorityFacts[]): AuthorityFacts | undefined {
    const registered = issuers.find(({ id }) => this.#isKnown(id));
    return registered ?? issuers.find(({ id }) => id === this.#leaf?.authority);
  }

  #drop(): Change | undefined {
    const needed = new Set([this.#leaf?.authority, this.#issuers[0]?.id]);
    const isSettled = this.isSettled();
    const gone = this.#view.held.authorities.filter(
      // One that is not valid yet was made by a replica whose clock is ahead: it would make it again.
      ({ id, notBefore, notAfter }) =>
        this.#now >= notAfter || (isSettled && !needed.has(id) && this.#now >= notBefore),
    );
    return gone.length === 0 ? undefined : { kind: "drop-authorities", authorities: gone.map(({ id }) => id) };
  }

  /** When a leaf signed now would end: no leaf outlives its authority. */
  #leafEnd({ notAfter }: AuthorityFacts): number {
    return Math.min(this.#now + this.#policy.leafLife, notAfter);
  }

  #urgentTime({ notBefore, notAfter }: LeafFacts): number {
    const start = Math.min(notBefore + this.#policy.backdate, notAfter);
    return notAfter - (notAfter - start) * URGENT;
  }

  #usable(leaf: LeafFacts | undefined): LeafFacts | undefined {
    const hasAuthority = this.#authorities.some(({ id }) => id === leaf?.authority);
    return hasAuthority ? this.#usableAnywhere(leaf) : undefined;
  }

  #usableAnywhere(leaf: LeafFacts | undefined): LeafFacts | undefined {
    return leaf !== undefined && holds(leaf, this.#now) ? leaf : undefined;
  }

  /** Milliseconds since when it is registered, `undefined` when it is not, or nobody knows. */
  #trustedFor(id: string): number | undefined {
    const { trust } = this.#view;
    return trust === "unknown" ? undefined : trust.get(id);
  }

  #isKnown(id: string): boolean {
    return this.#trustedFor(id) !== undefined;
  }

  #isTrusted(id: string): boolean {
    return (this.#trustedFor(id) ?? -1) >= this.#policy.propagation;
  }
}

const holds = ({ notBefore, notAfter }: Validity, now: number): boolean => notBefore <= now && now < notAfter;
