import type { Random } from "../../src/clock.ts";
import {
  type AuthorityFacts,
  type HeldFacts,
  keepsRegistered,
  type LeafFacts,
  nextStep,
  type RotationPolicy,
  type RotationView,
} from "../../src/webhook/certificate-rotation.ts";

/** Times of the model, milliseconds; small numbers, so that a year passes in a few thousand steps. */
export const POLICY: RotationPolicy = { leafLife: 9_000, authorityLife: 30_000, backdate: 500, propagation: 300 };

/** A value that others see later than it was written: each observer after a lag of its own. */
class Replicated<T> {
  readonly #versions: { readonly at: number; readonly value: T }[];

  constructor(value: T) {
    this.#versions = [{ at: Number.NEGATIVE_INFINITY, value }];
  }

  get now(): T {
    return this.seenAt(Number.POSITIVE_INFINITY);
  }

  get version(): number {
    return this.#versions.length;
  }

  write(at: number, value: T): void {
    this.#versions.push({ at, value });
  }

  /** What was written after `from` and until `to`: a watch tells of each. */
  between(from: number, to: number): T[] {
    return this.#versions.filter(({ at }) => at > from && at <= to).map(({ value }) => value);
  }

  /** What an observer sees that knows all that was written until `time`. */
  seenAt(time: number): T {
    const version = this.#versions.findLast(({ at }) => at <= time) ?? this.#versions[0];
    if (version === undefined) throw new Error("there is always a first version");
    return version.value;
  }
}

type Bundle = readonly AuthorityFacts[];

/** The cluster: one Secret, one registered bundle, and API servers that see it late. */
export class World {
  time = 100_000;
  readonly secret = new Replicated<HeldFacts>({ authorities: [] });
  readonly bundle = new Replicated<Bundle>([]);
  /** How many changes the replicas have made, by kind. */
  readonly changes = new Map<string, number>();
  writes = 0;
  #made = 0;

  /** A new name for a certificate. */
  mark(kind: string): string {
    this.#made += 1;
    return `${kind}${this.#made}`;
  }

  count(kind: string): void {
    this.changes.set(kind, (this.changes.get(kind) ?? 0) + 1);
  }
}

/** One replica: the shell around `nextStep` as the keeper is, without keys, requests and timers. */
export class ModelReplica {
  readonly #world: World;
  readonly #random: Random;
  /** Ahead or behind, milliseconds. */
  readonly #skew: number;
  serving: { readonly leaf: LeafFacts; readonly authorities: readonly AuthorityFacts[] } | undefined;
  #seen: { readonly version: number; readonly since: number } | undefined;
  readonly #since = new Map<string, number>();
  /** How late it sees things just now; never more than the bound. */
  #lag = 0;
  /** Nothing it has seen is forgotten: a watch does not go back. */
  #seenUntil = 0;
  #lookedAt = 0;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
    this.#skew = (random() - 0.5) * POLICY.backdate;
  }

  /**
   * Whether what it serves has been registered for as long as anybody may take to see that. The check of readiness does not
   * wait for the slowest API server: nothing would be ready for minutes after an installation.
   */
  get isReady(): boolean {
    const since = this.#since.get(this.serving?.leaf.authority ?? "");
    return since !== undefined && this.#world.time - since >= POLICY.propagation;
  }

  /** How long ago it has looked, milliseconds. */
  get idleFor(): number {
    return this.#world.time - this.#lookedAt;
  }

  /** One look, as after a change or a timer. @returns whether it has written. */
  look(isLeader: boolean): boolean {
    this.#lag = this.#random() * POLICY.propagation * 0.9;
    const before = this.#seenUntil;
    this.#seenUntil = Math.max(before, this.#world.time - this.#lag);
    this.#lookedAt = this.#world.time;
    for (const bundle of [...this.#world.bundle.between(before, this.#seenUntil), this.#bundle])
      this.#noteTrust(bundle);
    const wrote = this.#keep();
    return (isLeader && this.#register()) || wrote;
  }

  get #bundle(): Bundle {
    return this.#world.bundle.seenAt(this.#seenUntil);
  }

  #noteTrust(bundle: Bundle): void {
    const ids = new Set(bundle.map(({ id }) => id));
    for (const id of this.#since.keys()) if (!ids.has(id)) this.#since.delete(id);
    for (const id of ids) if (!this.#since.has(id)) this.#since.set(id, this.#world.time);
  }

  /** The Secret is read with a quorum, so it is not late; the look itself may be. */
  #keep(): boolean {
    const { secret } = this.#world;
    const held = secret.now;
    const { leaf } = held;
    if (this.#seen?.version !== secret.version) this.#seen = { version: secret.version, since: this.#world.time };
    const step = nextStep(this.#view(held), POLICY);
    if (step.serve === "held" && leaf !== undefined) this.serving = { leaf, authorities: held.authorities };
    if (step.change === undefined) return false;
    this.#world.count(step.change.kind);
    secret.write(this.#world.time, this.#carryOut(step.change, held));
    return true;
  }

  #carryOut(change: NonNullable<ReturnType<typeof nextStep>["change"]>, held: HeldFacts): HeldFacts {
    const { authorities } = held;
    switch (change.kind) {
      case "start": {
        const authority = this.#authority();
        return { leaf: this.#leaf(authority), authorities: [authority, ...authorities] };
      }
      case "restore": {
        if (this.serving === undefined) throw new Error("nothing to restore");
        return this.serving;
      }
      case "add-authority":
        return { ...held, authorities: [this.#authority(), ...authorities] };
      case "issue-leaf": {
        const issuer = authorities.find(({ id }) => id === change.issuer);
        if (issuer === undefined || !issuer.hasKey) throw new Error(`${change.issuer} cannot sign`);
        return { ...held, leaf: this.#leaf(issuer) };
      }
      case "drop-authorities":
        return { ...held, authorities: authorities.filter(({ id }) => !change.authorities.includes(id)) };
    }
  }

  #register(): boolean {
    const held = this.#world.secret.now;
    if (held.leaf === undefined) return false;
    const known = new Set(held.authorities.map(({ id }) => id));
    const others = this.#bundle.filter(({ id, notAfter }) => !known.has(id) && notAfter > this.#now);
    const wanted = keepsRegistered(this.#view(held), POLICY) ? [...held.authorities, ...others] : held.authorities;
    const isRight = idsOf(wanted) === idsOf(this.#world.bundle.now);
    // A write names the resourceVersion that was seen: on an old one it is refused.
    if (isRight || this.#bundle !== this.#world.bundle.now) return false;
    this.#world.bundle.write(this.#world.time, wanted);
    this.#world.writes += 1;
    return true;
  }

  get #now(): number {
    return this.#world.time + this.#skew;
  }

  #view(held: HeldFacts): RotationView {
    const { time } = this.#world;
    return {
      now: this.#now,
      held,
      heldFor: this.#seen === undefined ? 0 : time - this.#seen.since,
      trust: new Map([...this.#since].map(([id, since]) => [id, time - since])),
      serving: this.serving?.leaf,
    };
  }

  #authority(): AuthorityFacts {
    const notBefore = this.#now - POLICY.backdate;
    return { id: this.#world.mark("ca"), hasKey: true, notBefore, notAfter: this.#now + POLICY.authorityLife };
  }

  #leaf(issuer: AuthorityFacts): LeafFacts {
    const notBefore = this.#now - POLICY.backdate;
    const notAfter = Math.min(this.#now + POLICY.leafLife, issuer.notAfter);
    return { id: this.#world.mark("leaf"), authority: issuer.id, fits: true, notBefore, notAfter };
  }
}

const idsOf = (bundle: Bundle): string =>
  bundle
    .map(({ id }) => id)
    .sort()
    .join();
