/*
 * The engine of rollouts on simulated workloads and a clock that stands still.
 *
 * Invariants:
 * - A workload is restarted at most once for each change of a Watcher, whoever leads and whatever becomes of its Pods.
 * - At any time at most one workload is down by a change that has not proved itself.
 * - Whatever the number of workloads and however often it is asked, a look makes at most 25 requests, and one every second.
 */
import { ForbiddenError } from "@pcmc/controller-runtime";
import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { RolloutWorld } from "./rollout-world.ts";

let world: RolloutWorld;

const MINUTES = 60_000;

beforeEach(() => {
  world = new RolloutWorld();
  world.change("now");
});

test("workloads are restarted one after the other, each when the one before is back", async () => {
  for (const name of ["b", "a"]) world.add(name);
  await world.untilRestart();
  expect(await world.steps(10)).toBe("Rolling");
  world.roll("a", { available: false });
  expect(await world.steps(10)).toBe("Rolling");
  expect(world.restarts).toEqual(["a"]);
  world.setAvailable("a", true);
  await world.untilRestart();
  world.roll("b");
  expect(await world.steps(3)).toBe("UpToDate");
  expect(world.restarts).toEqual(["a", "b"]);
  expect(world.markOf("a")).toBe("logs=now@1");
});

test("nothing is up to date until the last restarted workload is back", async () => {
  world.add("web");
  await world.untilRestart();
  world.roll("web", { available: false });
  expect(await world.steps(5)).toBe("Rolling");
  world.setAvailable("web", true);
  expect(await world.steps(2)).toBe("UpToDate");
});

test("each try that a missing permission refuses is counted, as the alert on permissions goes by it", async () => {
  world.add("web");
  const message = 'deployments.apps "web" is forbidden: User "u" cannot get resource "deployments" in API group "apps"';
  world.refusal = new ForbiddenError({ status: { code: 403, message }, request: "GET /apis/apps/v1" });
  expect(await world.steps(4)).toBe("Forbidden");
  expect(world.failures.length).toBeGreaterThan(1);
  expect(new Set(world.failures)).toEqual(new Set(["watcher shop forbidden"]));
  world.refusal = undefined;
  world.failures.length = 0;
  await world.untilRestart();
  expect(world.failures).toEqual([]);
});

test("one restart serves several Watchers that changed at once", async () => {
  world.change("m1", "metrics");
  world.add("web", { injected: "logs=former,metrics=m0" });
  await world.step("logs");
  world.now += 1_000;
  await world.step("metrics");
  await world.untilRestart("logs");
  expect(world.markOf("web")).toBe("logs=now@1,metrics=m1@1");
  expect(await world.steps(5, "metrics")).toBe("Rolling");
  world.roll("web");
  expect([await world.steps(3, "logs"), await world.steps(3, "metrics")]).toEqual(["UpToDate", "UpToDate"]);
  expect(world.restarts).toEqual(["web"]);
});

test("a restart that serves several Watchers waits until the changes of all of them count", async () => {
  world.add("web", { injected: "logs=former,metrics=m0" });
  await world.step("logs");
  world.now += 2_500;
  world.change("m1", "metrics");
  await world.step("metrics");
  world.now += 1_000;
  await world.step("logs");
  expect(world.restarts).toEqual([]);
  await world.untilRestart("logs");
  expect(world.now).toBeGreaterThanOrEqual(2_500 + 3_000);
});

test("a revert to a revision that workloads were restarted for before reaches them", async () => {
  world.add("web");
  await world.untilRestart();
  world.roll("web");
  await world.steps(3);
  world.change("bad");
  world.scale("web", { injected: "logs=bad" });
  world.change("now");
  expect(await world.untilRestart()).toBe("web");
  world.roll("web");
  expect(await world.steps(3)).toBe("UpToDate");
  expect(world.markOf("web")).toBe("logs=now@3");
});

test("a workload whose Pods stay old is restarted once, and left", async () => {
  world.add("web");
  await world.untilRestart();
  world.roll("web", { injected: "logs=former" });
  expect(await world.steps(60)).toBe("NotRestartable");
  world.failOver();
  expect(await world.steps(60)).toBe("NotRestartable");
  expect(world.restarts).toEqual(["web"]);
});

test("restarted Pods without the sidecar end the rollout, also for the next leader", async () => {
  for (const name of ["a", "b"]) world.add(name);
  await world.untilRestart();
  world.roll("a", { injected: "" });
  expect(await world.steps(5)).toBe("InjectionFailing");
  world.failOver();
  expect(await world.steps(5)).toBe("InjectionFailing");
  expect(world.restarts).toEqual(["a"]);
});

test("somebody else's roll is waited for, also where we have restarted the workload before", async () => {
  world.add("web");
  await world.untilRestart();
  world.roll("web");
  await world.steps(3);
  world.change("next");
  world.setImage("web");
  expect(await world.steps(10)).toBe("Rolling");
  expect(world.restarts).toEqual(["web"]);
  world.roll("web");
  expect(await world.steps(3)).toBe("UpToDate");
  expect(world.restarts).toEqual(["web"]);
});

test("a change during our own roll restarts the workload at once", async () => {
  world.add("web");
  await world.untilRestart();
  world.roll("web", { count: 1, available: false });
  world.change("next");
  await world.untilRestart();
  expect(world.markOf("web")).toBe("logs=next@2");
});

test("a Deployment that its controller has given up on is Stuck, and the change that mends it goes there first", async () => {
  for (const name of ["a", "z"]) world.add(name);
  world.workload("a").paused = true;
  expect(await world.untilRestart()).toBe("z");
  world.roll("z", { count: 1, available: false });
  world.workload("z").failed = true;
  world.workload("a").paused = false;
  expect(await world.steps(10)).toBe("Stuck");
  world.failOver();
  expect(await world.steps(10)).toBe("Stuck");
  world.change("mended");
  expect(await world.untilRestart()).toBe("z");
  expect(await world.steps(3)).toBe("Stuck");
  world.workload("z").failed = false;
  world.roll("z");
  expect(await world.untilRestart()).toBe("a");
});

test.each(["StatefulSet", "DaemonSet"] as const)(
  "a %s that makes no progress for ten minutes is Stuck",
  async (kind) => {
    for (const name of ["a", "b"]) world.add(name, { kind });
    await world.untilRestart();
    world.roll("a", { count: 1, available: false });
    const begin = world.now;
    let reason = "Rolling";
    for (let i = 0; i < 1_000 && reason === "Rolling"; i++) reason = await world.steps(1);
    expect(reason).toBe("Stuck");
    expect(world.now - begin).toBeGreaterThan(10 * MINUTES);
    world.failOver();
    expect(await world.steps(1)).toBe("Stuck");
    world.roll("a");
    world.setAvailable("a", true);
    expect(await world.untilRestart()).toBe("b");
    expect(world.restarts).toEqual(["a", "b"]);
  },
);

test("any progress begins the ten minutes anew", async () => {
  world.add("a", { kind: "DaemonSet", replicas: 4 });
  await world.untilRestart();
  for (let replaced = 0; replaced < 3; replaced++) {
    world.roll("a", { count: 1 });
    await world.step();
    world.now += 9 * MINUTES;
    expect((await world.step()).condition.reason).toBe("Rolling");
  }
});

test("a DaemonSet with a dead node comes last, and does not hold up others", async () => {
  world.add("a", { kind: "DaemonSet", replicas: 3, available: 2 });
  world.add("b");
  expect(await world.untilRestart()).toBe("b");
  world.roll("b");
  expect(await world.untilRestart()).toBe("a");
  // The Pod of the dead node ends, and never goes.
  const [dead, ...alive] = [...world.workload("a").pods].reverse();
  if (dead === undefined) throw new Error("there are Pods");
  dead.pod = { ...dead.pod, metadata: { ...dead.pod.metadata, deletionTimestamp: "2026-01-31T12:00:00Z" } };
  world.workload("a").pods = alive;
  world.roll("a");
  world.workload("a").pods.push(dead);
  expect(await world.steps(3)).toBe("UpToDate");
});

test("what was not up before the restart, and does not come up after it, is not Stuck", async () => {
  world.add("a", { available: 1 });
  world.add("b", { available: 1 });
  await world.untilRestart();
  world.roll("a", { count: 1, available: false });
  world.setAvailable("a", true);
  for (const pod of world.workload("a").pods.slice(1)) pod.available = false;
  let reason = "Rolling";
  for (let i = 0; i < 1_000 && world.restarts.length < 2 && reason === "Rolling"; i++) reason = await world.steps(1);
  expect(world.restarts).toEqual(["a", "b"]);
});

test("a second bad change does not get further than the first", async () => {
  for (const name of ["a", "b"]) world.add(name);
  await world.untilRestart();
  world.roll("a", { available: false });
  await world.steps(5);
  for (const revision of ["bad2", "bad3"]) {
    world.change(revision);
    await world.untilRestart();
    world.roll("a", { available: false });
    await world.steps(400);
    world.failOver();
    expect(await world.steps(400)).toBe("Stuck");
  }
  expect(new Set(world.restarts)).toEqual(new Set(["a"]));
});

test("the next leader waits for what the last one restarted, also when its old Pods are gone", async () => {
  for (const name of ["a", "b"]) world.add(name);
  await world.untilRestart();
  world.roll("a", { available: false });
  world.failOver();
  expect(await world.steps(10)).toBe("Rolling");
  expect(world.restarts).toEqual(["a"]);
  world.setAvailable("a", true);
  expect(await world.untilRestart()).toBe("b");
});

test("the next leader waits for what has only Pods that end", async () => {
  for (const name of ["a", "b"]) world.add(name);
  await world.untilRestart();
  for (const instance of world.workload("a").pods) {
    const { pod } = instance;
    instance.pod = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: "2026-01-31T12:00:00Z" } };
  }
  world.failOver();
  expect(await world.steps(10)).toBe("Rolling");
  expect(world.restarts).toEqual(["a"]);
});

test("marks of Watchers that are gone do not stay", async () => {
  world.change("m1", "metrics");
  world.add("web", { injected: "logs=former,metrics=m0" });
  await world.step("metrics");
  await world.untilRestart();
  world.roll("web");
  await world.steps(3);
  world.removeWatcher("metrics");
  world.change("next");
  await world.untilRestart();
  expect(world.markOf("web")).toBe("logs=next@2");
});

test("three hundred workloads that cannot be restarted cost few requests, however often it is asked", async () => {
  for (let i = 0; i < 300; i++) world.add(`w${i}`, { paused: true, replicas: 1 });
  let most = 0;
  for (let second = 0; second < 60; second++) {
    const before = world.reads;
    await world.step();
    most = Math.max(most, world.reads - before);
    world.now += 1_000;
  }
  expect(most).toBe(25);
  const before = world.reads;
  for (let second = 0; second < 60; second++) {
    await world.step();
    world.now += 1_000;
  }
  // Each of them every half a minute.
  expect(world.reads - before).toBeLessThanOrEqual(3 * 300);
  // And each is looked at in its turn.
  world.workload("w299").paused = false;
  for (let second = 0; second < 60; second++) {
    await world.step();
    world.now += 1_000;
  }
  expect(world.restarts).toEqual(["w299"]);
});

test("asked again too early, it says the same without a request, unless the number of outdated Pods has changed", async () => {
  world.add("web", { replicas: 3 });
  await world.untilRestart();
  await world.steps(1);
  const before = world.reads;
  const said = await world.step();
  for (let i = 0; i < 5; i++) expect((await world.step()).condition).toEqual(said.condition);
  expect(world.reads - before).toBeLessThanOrEqual(1);
  world.roll("web", { count: 1 });
  const then = world.reads;
  await world.step();
  expect(world.reads).toBe(then + 1);
});

test("whatever happens, a change restarts a workload once at the most, and stops where it does harm", async () => {
  const names = ["a", "b", "c"] as const;
  const kinds = fc.constantFrom("Deployment", "StatefulSet", "DaemonSet");
  const name = fc.constantFrom(...names);
  const action = fc.oneof(
    fc.record({ type: fc.constant("roll" as const), name, available: fc.boolean() }),
    fc.record({ type: fc.constant("setImage" as const), name }),
    fc.record({ type: fc.constant("change" as const), revision: fc.constantFrom("r1", "r2") }),
    fc.record({ type: fc.constant("steps" as const), count: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ type: fc.constant("failOver" as const) }),
    fc.record({ type: fc.constant("recover" as const), name }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(kinds, { minLength: 3, maxLength: 3 }),
      fc.array(action, { maxLength: 40 }),
      async (of, actions) => {
        const simulated = new RolloutWorld();
        simulated.change("r0");
        for (const [i, each] of names.entries()) simulated.add(each, { kind: of[i] ?? "Deployment" });
        const restarted = new Map<string, number>();
        for (const each of actions) {
          if (each.type === "roll") simulated.roll(each.name, { available: each.available });
          if (each.type === "setImage") simulated.setImage(each.name);
          if (each.type === "change") simulated.change(each.revision);
          if (each.type === "failOver") simulated.failOver();
          if (each.type === "recover") simulated.setAvailable(each.name, true);
          if (each.type !== "steps") continue;
          const before = simulated.restarts.length;
          await simulated.steps(each.count);
          const generation = simulated.watchers.get("logs")?.watcher.metadata.generation;
          for (const workload of simulated.restarts.slice(before)) {
            const key = `${workload} ${generation}`;
            restarted.set(key, (restarted.get(key) ?? 0) + 1);
          }
          // Nobody else moves meanwhile: the first that is restarted has not come back.
          expect(simulated.restarts.length - before).toBeLessThanOrEqual(1);
        }
        expect([...restarted.values()].filter((count) => count > 1)).toEqual([]);
      },
    ),
    { numRuns: 300 },
  );
});
