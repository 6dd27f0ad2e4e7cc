/*
 * Invariants, for any number of replicas that look at any times, see the configuration late (by less than the bound), have
 * clocks that are apart, are restarted, and change their leader
 * - Once the first bundle is registered, no replica at any instant serves a leaf that an API server does not verify, whatever
 *   API server, nor one that has expired.
 * - The same for each replica whose certificate has been registered for the bound, when the Secret is deleted, emptied in part, or replaced by an older copy.
 * - Leaves and authorities are replaced before they end, old authorities go, and the bundle stays small.
 * - Once nothing is due nothing is written.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AuthorityFacts,
  type HeldFacts,
  type LeafFacts,
  lookInterval,
  nextStep,
  type RotationView,
} from "../../src/webhook/certificate-rotation.ts";
import { seededRandom } from "../queue/seeded-random.ts";
import { ModelReplica, POLICY, World } from "./rotation-model.ts";

const REPLICAS = 3;
/** Between two looks of one replica at the most: changes ring, timers may be late. */
const LONGEST_NAP = POLICY.propagation * 0.3;

type Fault = (world: World, random: () => number) => void;

interface Run {
  readonly seed: number;
  /** Steps of the model. */
  readonly steps: number;
  readonly faults?: readonly Fault[];
  /** Which replicas have to be served by what all verify. */
  readonly whose: "all" | "ready";
}

/** Lets a world run, and checks at each step. @returns it. */
const live = ({ seed, steps, faults = [], whose }: Run): World => {
  const random = seededRandom(seed);
  const world = new World();
  const replicas = Array.from({ length: REPLICAS }, () => new ModelReplica(world, random));
  let leader = 0;
  settle(world, replicas);
  for (let step = 0; step < steps; step++) {
    world.time += random() * LONGEST_NAP;
    if (random() < 0.01) leader = Math.floor(random() * REPLICAS);
    if (random() < 0.01) replicas[Math.floor(random() * REPLICAS)] = new ModelReplica(world, random);
    if (random() < 0.02) faults[Math.floor(random() * faults.length)]?.(world, random);
    for (const [i, replica] of replicas.entries()) {
      // Some look late, but not later than the bound allows.
      if (random() < 0.6 || replica.idleFor > lookInterval(POLICY)) replica.look(i === leader);
    }
    for (const replica of replicas) check(world, replica, whose);
  }
  return world;
};

/** Lets time pass in which nobody does anything but the replicas, until there is nothing that they would do at once. */
const settle = (world: World, replicas: readonly ModelReplica[]): void => {
  for (let i = 0; i < 20; i++) {
    world.time += POLICY.propagation;
    lookUntilQuiet(replicas);
  }
};

/** Who has written looks again at once, and a change is told to all. */
const lookUntilQuiet = (replicas: readonly ModelReplica[]): void => {
  for (let round = 0; round < 20; round++) {
    const wrote = replicas.map((replica, i) => replica.look(i === 0));
    if (!wrote.includes(true)) return;
  }
  throw new Error("the replicas do not come to rest");
};

/** Compared by hand: this is asked a million times. */
const check = (world: World, replica: ModelReplica, whose: Run["whose"]): void => {
  if (whose === "ready" && !replica.isReady) return;
  const { leaf } = replica.serving ?? {};
  if (leaf === undefined) throw new Error("a replica serves nothing");
  if (leaf.notAfter <= world.time) throw new Error(`a replica serves ${leaf.id}, which has expired`);
  // From the API server that sees a change first to the one that sees it last.
  for (const lag of [0, 0.3, 0.6, 0.9]) {
    const known = world.bundle.seenAt(world.time - lag * POLICY.propagation);
    if (known.some(({ id }) => id === leaf.authority)) continue;
    throw new Error(
      `a replica serves ${leaf.id} of ${leaf.authority}; an API server knows ${known.map(({ id }) => id)}`,
    );
  }
};

const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

describe("a cluster of replicas", () => {
  test("serves nothing that an API server does not verify, over many rotations, restarts and leaders", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const world = live({ seed, steps: 2_500, whose: "all" });
        // About 110 s: leaves are due each 6 s, authorities each 20 s.
        expect(world.changes.get("issue-leaf")).toBeGreaterThan(10);
        expect(world.changes.get("add-authority")).toBeGreaterThan(3);
        expect(world.changes.get("drop-authorities")).toBeGreaterThan(2);
        expect(world.changes.get("start")).toBe(1);
      }),
      { numRuns: 40 },
    );
  });

  test("keeps the bundle to what is in use", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(live({ seed, steps: 1_500, whose: "all" }).bundle.now.length).toBeLessThanOrEqual(3);
      }),
      { numRuns: 20 },
    );
  });

  test("writes nothing while nothing is due", () => {
    const random = seededRandom(1);
    const world = new World();
    const replicas = Array.from({ length: REPLICAS }, () => new ModelReplica(world, random));
    settle(world, replicas.slice(0, 1));
    const before = [world.secret.version, world.bundle.version];
    for (let i = 0; i < 100; i++) {
      world.time += 1;
      for (const replica of replicas) replica.look(true);
    }
    expect([world.secret.version, world.bundle.version]).toEqual(before);
  });
});

const emptied: Fault = (world) => world.secret.write(world.time, { authorities: [] });
const withoutLeaf: Fault = (world) => world.secret.write(world.time, { authorities: world.secret.now.authorities });
const withoutKeys: Fault = (world) => {
  const { leaf, authorities } = world.secret.now;
  world.secret.write(world.time, {
    leaf,
    authorities: authorities.map((authority) => ({ ...authority, hasKey: false })),
  });
};
const older: Fault = (world, random) => {
  world.secret.write(world.time, world.secret.seenAt(world.time - random() * POLICY.authorityLife));
};
const forOtherNames: Fault = (world) => {
  const { leaf, authorities } = world.secret.now;
  world.secret.write(world.time, { leaf: leaf && { ...leaf, fits: false }, authorities });
};

describe("a Secret that is edited by hand", () => {
  test("never makes a ready replica serve what an API server does not verify", () => {
    const faults = [emptied, withoutLeaf, withoutKeys, older, forOtherNames];
    fc.assert(
      fc.property(seeds, (seed) => {
        live({ seed, steps: 1_200, faults, whose: "ready" });
      }),
      { numRuns: 60 },
    );
  });

  test.each([
    ["deleted", emptied],
    ["without its leaf", withoutLeaf],
    ["without the keys of its authorities", withoutKeys],
    ["replaced by an older copy", older],
  ])("is repaired when it is %s, and every replica ends up serving the same", (_how, fault) => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = seededRandom(seed);
        const world = new World();
        const replicas = Array.from({ length: REPLICAS }, () => new ModelReplica(world, random));
        settle(world, replicas);
        fault(world, random);
        settle(world, replicas);
        const { leaf } = world.secret.now;
        expect(leaf).toBeDefined();
        expect(replicas.map(({ serving }) => serving?.leaf.id)).toEqual([leaf?.id, leaf?.id, leaf?.id]);
        for (const replica of replicas) check(world, replica, "all");
      }),
      { numRuns: 20 },
    );
  });
});

const NOW = 1_000_000;
const authority = (id: string, rest: Partial<AuthorityFacts> = {}): AuthorityFacts => ({
  id,
  hasKey: true,
  notBefore: NOW - POLICY.backdate,
  notAfter: NOW + POLICY.authorityLife,
  ...rest,
});
const leaf = (by: string, rest: Partial<LeafFacts> = {}): LeafFacts => ({
  id: `leaf of ${by}`,
  authority: by,
  fits: true,
  notBefore: NOW - POLICY.backdate,
  notAfter: NOW + POLICY.leafLife,
  ...rest,
});
const view = (held: HeldFacts, rest: Partial<RotationView> = {}): RotationView => ({
  now: NOW,
  held,
  heldFor: 0,
  trust: new Map(),
  ...rest,
});
const LONG = 10 * POLICY.propagation;

describe("one step", () => {
  const a = authority("a");
  const old = authority("old", {
    notBefore: NOW - POLICY.authorityLife * 0.9,
    notAfter: NOW + POLICY.authorityLife * 0.1,
  });

  test("begins with an authority and a leaf where there is nothing", () => {
    expect(nextStep(view({ authorities: [] }), POLICY).change).toEqual({ kind: "start" });
  });

  test("does nothing where all is well", () => {
    const trust = new Map([["a", LONG]]);
    const step = nextStep(view({ leaf: leaf("a"), authorities: [a] }, { trust, heldFor: LONG }), POLICY);
    expect(step).toEqual({ change: undefined, serve: "held" });
  });

  test("publishes a new authority before it signs with it", () => {
    const held = { leaf: leaf("old"), authorities: [old] };
    expect(nextStep(view(held, { trust: new Map([["old", LONG]]) }), POLICY).change).toEqual({ kind: "add-authority" });
    const both = { leaf: leaf("old"), authorities: [a, old] };
    const early = new Map([
      ["old", LONG],
      ["a", POLICY.propagation - 1],
    ]);
    expect(nextStep(view(both, { trust: early }), POLICY).change).toBeUndefined();
    const late = new Map([
      ["old", LONG],
      ["a", POLICY.propagation],
    ]);
    expect(nextStep(view(both, { trust: late }), POLICY).change).toEqual({ kind: "issue-leaf", issuer: "a" });
  });

  test("renews a leaf by the old authority while the new one is registered nowhere", () => {
    const due = leaf("old", { notBefore: NOW - POLICY.leafLife * 0.7, notAfter: NOW + POLICY.leafLife * 0.2 });
    const trust = new Map([["old", LONG]]);
    const step = nextStep(view({ leaf: due, authorities: [a, old] }, { trust }), POLICY);
    expect(step.change).toEqual({ kind: "issue-leaf", issuer: "old" });
  });

  test("renews a leaf that is about to end though nobody can read what is registered", () => {
    const due = leaf("a", { notBefore: NOW - POLICY.leafLife, notAfter: NOW + POLICY.leafLife * 0.05 });
    const step = nextStep(view({ leaf: due, authorities: [a] }, { trust: "unknown" }), POLICY);
    expect(step.change).toEqual({ kind: "issue-leaf", issuer: "a" });
  });

  test("drops an old authority only once no replica can serve a leaf of it", () => {
    const held = { leaf: leaf("a"), authorities: [a, old] };
    const trust = new Map([
      ["old", LONG],
      ["a", LONG],
    ]);
    const early = nextStep(view(held, { trust, heldFor: 3 * POLICY.propagation - 1 }), POLICY);
    expect(early.change).toBeUndefined();
    const late = nextStep(view(held, { trust, heldFor: 3 * POLICY.propagation }), POLICY);
    expect(late.change).toEqual({ kind: "drop-authorities", authorities: ["old"] });
  });

  test("drops nothing that is registered while clients may not know the authority of the leaf", () => {
    const held = { leaf: leaf("a"), authorities: [a, old] };
    const trust = new Map([
      ["old", LONG],
      ["a", 3 * POLICY.propagation - 1],
    ]);
    expect(nextStep(view(held, { trust, heldFor: LONG }), POLICY).change).toBeUndefined();
  });

  test("puts back what it serves when the Secret is empty, and clients know it", () => {
    const trust = new Map([["a", LONG]]);
    const empty = view({ authorities: [] }, { trust, serving: leaf("a") });
    expect(nextStep(empty, POLICY)).toMatchObject({ change: { kind: "restore" }, serve: "serving" });
  });

  test("goes on serving what clients know when the Secret has a leaf that they do not know", () => {
    const trust = new Map([["a", LONG]]);
    const b = authority("b");
    const strange = view({ leaf: leaf("b"), authorities: [b] }, { trust, serving: leaf("a") });
    expect(nextStep(strange, POLICY).serve).toBe("serving");
    const known = new Map([
      ["a", LONG],
      ["b", POLICY.propagation],
    ]);
    expect(nextStep({ ...strange, trust: known }, POLICY).serve).toBe("serving");
    expect(nextStep({ ...strange, trust: known, heldFor: POLICY.propagation }, POLICY).serve).toBe("held");
  });

  test("does not take over a leaf that is about to be replaced, from an older copy of the Secret", () => {
    const trust = new Map([["a", LONG]]);
    const due = leaf("a", { id: "due", notBefore: NOW - POLICY.leafLife, notAfter: NOW + 1 });
    const step = nextStep(view({ leaf: due, authorities: [a] }, { trust, serving: leaf("a"), heldFor: LONG }), POLICY);
    expect(step).toEqual({ change: { kind: "issue-leaf", issuer: "a" }, serve: "serving" });
  });

  test("takes over what the Secret has when what it serves has expired", () => {
    const trust = new Map([["a", LONG]]);
    const expired = leaf("a", { id: "expired", notAfter: NOW });
    const step = nextStep(
      view({ leaf: leaf("b"), authorities: [authority("b")] }, { trust, serving: expired }),
      POLICY,
    );
    expect(step.serve).toBe("held");
  });

  test("leaves alone the authority of a replica whose clock is ahead", () => {
    const ahead = authority("ahead", { notBefore: NOW + 1_000 });
    const trust = new Map([
      ["a", LONG],
      ["ahead", LONG],
    ]);
    const held = { leaf: leaf("a"), authorities: [ahead, a] };
    expect(nextStep(view(held, { trust, heldFor: LONG }), POLICY).change).toBeUndefined();
  });
});
