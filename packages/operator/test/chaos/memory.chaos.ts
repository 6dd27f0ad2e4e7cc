/*
 * One manager that lives through many stories, in which its network, its API server and its users do what they do in any
 * story, and which nobody kills.
 *
 * Invariants:
 * - After each story the namespace becomes exactly as it should be, and empty once everything is deleted.
 * - Its memory does not grow from story to story, and it holds no more descriptors at the end than at the beginning.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../integration/support/eventually.ts";
import { expectConverged, expectNoLeak, expectUntouched, untilQuiet } from "./checks.ts";
import { storyOf } from "./generate.ts";
import { type ProcessUsage, usageOf } from "./process-usage.ts";
import { Scene } from "./scene.ts";
import { slopeOf } from "./slope.ts";
import { Stage } from "./stage.ts";
import type { Step } from "./story.ts";

const STORIES = 36;
/**
 * Stories until a process that has just started has found its size: while the heap of JavaScript stays as large as it is, the
 * allocator below it takes some 10 MiB during the first two dozen.
 */
const WARM_UP = 20;
/** Bytes a story. What leaks for each event or reconcile leaks hundreds of times in one. */
const FLAT = 512 * 1024;
const DEADLINE = 60_000;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage?.[Symbol.asyncDispose]());

const endsManager: ReadonlySet<Step["do"]> = new Set(["kill-manager", "stop-manager"]);

const playAndClean = async (scene: Scene, seed: number): Promise<ProcessUsage | undefined> => {
  const { namespace, foreign, replicas } = scene;
  for (const step of storyOf(seed).steps) if (!endsManager.has(step.do)) await scene.play(step);
  await scene.calm();
  const what = `the cluster is as it should be after seed ${seed}`;
  await eventually(what, () => expectConverged(namespace, foreign), { deadline: DEADLINE });
  await expectUntouched(namespace, foreign);
  await scene.clean();
  await eventually(`nothing is left of seed ${seed}`, () => expectConverged(namespace, foreign), {
    deadline: DEADLINE,
  });
  const logs = replicas.map(({ proxy }) => proxy.requests);
  await untilQuiet(logs, DEADLINE);
  const [manager] = replicas.flatMap(({ process }) => process ?? []);
  if (manager === undefined) throw new Error(`the manager died in seed ${seed}`);
  expectNoLeak(manager);
  return manager.pid === undefined ? undefined : usageOf(manager.pid);
};

test.runIf(process.platform === "linux")(
  "the memory of a manager is flat from story to story, and so are its descriptors",
  { timeout: 30 * 60_000 },
  async () => {
    await using scene = await Scene.open(stage, { replicas: 1 });
    const usages: ProcessUsage[] = [];
    for (let seed = 1; seed <= STORIES; seed++) {
      const usage = await playAndClean(scene, seed);
      if (usage !== undefined) usages.push(usage);
    }
    const megabytes = usages.map(({ rss }) => Math.round(rss / 2 ** 20));
    console.log(`resident memory after each story, MiB: ${megabytes.join(" ")}`);
    console.log(`descriptors: ${usages.map(({ descriptors }) => descriptors).join(" ")}`);
    const warm = usages.slice(WARM_UP);
    expect(slopeOf(warm.map(({ rss }) => rss))).toBeLessThan(FLAT);
    expect(slopeOf(warm.map(({ descriptors }) => descriptors))).toBeLessThan(0.5);
  },
);
