/*
 * Without a cluster: the Secret is a variable, the clock a test's.
 *
 * Invariants
 * - Who is second takes what the first has written.
 * - While the Secret cannot be read nobody is told what to register, and what is served goes on being served.
 * - A CA of a newer version's replicas stays registered for as long as an upgrade takes, and no longer.
 * - It is looked at often enough for the bound on propagation to hold, watched or not.
 */
import type { Secret } from "kubernetes-types/core/v1.d.ts";
import { describe, expect, test } from "vitest";
import { AlreadyExistsError, ForbiddenError } from "../../src/errors.ts";
import type { Stored } from "../../src/object.ts";
import { carriedOut } from "../../src/webhook/certificate-change.ts";
import { type Holding, NOTHING, secretDataOf } from "../../src/webhook/certificate-holding.ts";
import { CertificateKeeper, type CertificateKeeperOptions } from "../../src/webhook/certificate-keeper.ts";
import { DEFAULT_POLICY } from "../../src/webhook/webhooks.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { recordedLog } from "../support/recorded-log.ts";

const KEY = { namespace: "default", name: "hook" };
const NAMES = ["hook.default.svc"];
const POLICY = { ...DEFAULT_POLICY, propagation: 300_000 };

/** A Secret in memory, which can be made to fail. */
class Shelf {
  readonly key = KEY;
  isWatched = true;
  secret: Stored<Secret> | undefined;
  reads = 0;
  readFailure: Error | undefined;
  /** What another replica does right before the next write. */
  beforeWrite: (() => Promise<void>) | undefined;
  ring = () => {};

  async run(signal: AbortSignal, onChange: () => void): Promise<void> {
    this.ring = onChange;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  }

  async read(): Promise<Stored<Secret> | undefined> {
    this.reads += 1;
    if (this.readFailure !== undefined) throw this.readFailure;
    return this.secret;
  }

  async write(holding: Holding, before: Stored<Secret> | undefined): Promise<void> {
    await this.beforeWrite?.();
    this.beforeWrite = undefined;
    if (this.secret?.metadata.resourceVersion !== before?.metadata.resourceVersion) throw conflict;
    this.put(holding);
  }

  put(holding: Holding): void {
    const resourceVersion = String(Number(this.secret?.metadata.resourceVersion ?? 0) + 1);
    this.secret = { metadata: { ...KEY, uid: "1", resourceVersion }, data: secretDataOf(holding) };
  }
}

const failure = { request: "", status: { message: "no" } };
const conflict = new AlreadyExistsError(failure);

const start = (options: Partial<CertificateKeeperOptions> = {}) => {
  const clock = new FakeClock();
  const shelf = new Shelf();
  const log = recordedLog();
  const keeper = new CertificateKeeper({
    store: shelf,
    registered: { trust: new Map(), registered: [], onChange: () => () => {} },
    policy: POLICY,
    names: NAMES,
    organization: "test",
    clock,
    random: () => 0.5,
    log,
    ...options,
  });
  const stop = new AbortController();
  const run = () => keeper.run({ stop: stop.signal });
  let running: Promise<void> | undefined;
  return {
    clock,
    shelf,
    log,
    keeper,
    begin: () => {
      running = run();
    },
    /** Waits until it has nothing to do but to wait. */
    rests: () => expect.poll(() => clock.timers).toBe(1),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
};

const another = () => {
  const now = new FakeClock().date().getTime();
  const context = { policy: POLICY, names: NAMES, organization: "test", now, serving: NOTHING };
  return carriedOut({ kind: "start" }, NOTHING, context);
};

describe("a keeper of certificates", () => {
  test("makes them where there are none, and serves them", async () => {
    await using rig = start();
    rig.begin();
    await rig.rests();
    expect(rig.keeper.current?.certificate.id).toBeDefined();
    expect(rig.keeper.trouble).toBeUndefined();
    expect(rig.keeper.authorities).toHaveLength(1);
    expect(rig.shelf.reads).toBe(2);
  });

  test("takes those of another replica that was first", async () => {
    await using rig = start();
    const theirs = await another();
    rig.shelf.beforeWrite = async () => rig.shelf.put(theirs);
    rig.begin();
    await rig.rests();
    await rig.clock.advanceAndSettle(200);
    await rig.rests();
    expect(rig.keeper.current?.certificate.id).toBe(theirs.leaf?.certificate.id);
    expect(rig.log.of("info")).toEqual(["serving a certificate"]);
  });

  test("says nothing of authorities while it cannot read the Secret, and serves what it has", async () => {
    await using rig = start();
    rig.begin();
    await rig.rests();
    const served = rig.keeper.current?.certificate.id;
    rig.shelf.readFailure = new ForbiddenError(failure);
    rig.shelf.ring();
    await expect.poll(() => rig.keeper.authorities).toBeUndefined();
    await rig.rests();
    expect(rig.keeper.current?.certificate.id).toBe(served);
    rig.shelf.readFailure = undefined;
    await rig.clock.advanceAndSettle(1_000);
    await expect.poll(() => rig.keeper.authorities).toHaveLength(1);
  });

  test("keeps a registered CA that is newly come, of replicas with another Secret, and then lets it go", async () => {
    const theirs = (await another()).authorities.map(({ certificate }) => certificate);
    const since = new Map<string, number>();
    await using rig = start({ registered: { trust: since, registered: theirs, onChange: () => () => {} } });
    rig.begin();
    await rig.rests();
    const [own] = rig.keeper.authorities ?? [];
    if (own === undefined || theirs[0] === undefined) throw new Error("no authority");
    // Ours has been there for so long that nothing of before is waited for.
    await rig.clock.advanceAndSettle(3 * POLICY.propagation);
    since.set(own.id, 3 * POLICY.propagation).set(theirs[0].id, 3 * POLICY.propagation - 1);
    expect(rig.keeper.authorities).toEqual([own, theirs[0]]);
    since.set(theirs[0].id, 3 * POLICY.propagation);
    expect(rig.keeper.authorities).toEqual([own]);
  });

  test.each([
    ["a third of the propagation", true, 100_000],
    ["30 s where it must not be watched", false, 30_000],
  ])("looks at the Secret each %s, told or not", async (_what, isWatched, interval) => {
    await using rig = start();
    rig.shelf.isWatched = isWatched;
    rig.begin();
    await rig.rests();
    const { reads } = rig.shelf;
    await rig.clock.advanceAndSettle(interval - 1);
    expect(rig.shelf.reads).toBe(reads);
    await rig.clock.advanceAndSettle(1);
    expect(rig.shelf.reads).toBe(reads + 1);
  });

  test("makes another certificate when it is to be for another name", async () => {
    await using rig = start({ names: ["hook.elsewhere.svc"] });
    const theirs = await another();
    rig.shelf.put(theirs);
    rig.begin();
    await rig.rests();
    await expect.poll(() => rig.keeper.current?.certificate.x509.subjectAltName).toContain("hook.elsewhere.svc");
  });
});
