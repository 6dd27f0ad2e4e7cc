/*
 * Invariants, when the faults of a story have ended:
 * - The ConfigMaps become exactly what the pure functions say, each status is about its generation, and then nothing is
 *   written any more, not by managers that have just started either.
 * - What is not ours is as its owner left it.
 * - Managers hold no more than they need, and end by themselves, with code 0, when asked.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { storyOf } from "./generate.ts";
import { playStory } from "./play-story.ts";
import { runStory } from "./run-story.ts";
import type { Scene } from "./scene.ts";
import { Stage } from "./stage.ts";
import type { Step } from "./story.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage?.[Symbol.asyncDispose]());

const SEEDS = Array.from({ length: 10 }, (_, i) => i + 1);

test.each(SEEDS)("what comes in any order ends exactly as desired, seed %i", { timeout: 240_000 }, (seed) =>
  playStory(stage, storyOf(seed), { shrinkFor: 60_000 }),
);

/** Each of these must be seen, or the stories above prove nothing. */
describe("the checks see", () => {
  const NAME = "pod-web-from-app-cfg";
  const FOREIGN = "pod-web-from-other-cfg";
  const steps: readonly Step[] = [
    { do: "create-config", config: "app", spec: {} },
    { do: "foreign-configmap", pod: "web", config: "other", labelled: true },
    { do: "create-pod", pod: "web", labels: {}, annotations: {} },
  ];
  /** Milliseconds: it never comes. */
  const deadline = 300;

  /** Something that goes wrong once all is well, past a manager that cannot mend it. */
  const sabotage = async (act: (scene: Scene) => Promise<unknown>): Promise<unknown> => {
    const beforeChecks = async (scene: Scene) => {
      await scene.namespace.settled("app");
      for (const replica of scene.replicas) replica.pause();
      await act(scene);
    };
    return runStory(stage, { seed: 0, replicas: 1, steps }, { deadline, beforeChecks }).catch(
      (error: unknown) => error,
    );
  };

  test("a wrong write", async () => {
    const failure = await sabotage(({ namespace }) => namespace.patch("configmaps", NAME, { data: { podName: "x" } }));
    expect(failure).toMatchObject({ check: "converges", message: expect.stringContaining(`wrong: ${NAME}`) });
  });

  test("a missing ConfigMap", async () => {
    const failure = await sabotage(({ namespace }) => namespace.remove("configmaps", NAME));
    expect(failure).toMatchObject({ check: "converges", message: expect.stringContaining(`missing: ${NAME}`) });
  });

  test("a ConfigMap too many", async () => {
    const failure = await sabotage(({ namespace }) => namespace.create("configmaps", { metadata: { name: "more" } }));
    expect(failure).toMatchObject({ check: "converges", message: expect.stringContaining("too many: more") });
  });

  test("a status that is not about its generation", async () => {
    const failure = await sabotage(({ namespace }) =>
      namespace.patch("podconfigmapconfigs", "app", { spec: { labelsToInclude: [] } }),
    );
    expect(failure).toMatchObject({ check: "converges", message: expect.stringContaining("status of app") });
  });

  test("writes that never end", async () => {
    let quarrel: NodeJS.Timeout | undefined;
    const failure = await sabotage(async ({ namespace, replicas }) => {
      for (const replica of replicas) replica.resume();
      // Somebody who does not give in either.
      const act = () => namespace.patch("configmaps", NAME, { data: { podName: "x" } }).catch(() => {});
      quarrel = setInterval(() => void act(), 100);
    });
    clearInterval(quarrel);
    expect(failure).toMatchObject({ check: expect.stringMatching(/^(converges|comes to rest)$/) });
  });

  test("a touched foreign object", async () => {
    const failure = await sabotage(async ({ namespace, replicas }) => {
      await namespace.patch("configmaps", FOREIGN, { data: { ours: "1" } });
      for (const replica of replicas) replica.resume();
    });
    expect(failure).toMatchObject({ check: "touches nothing that is not ours" });
  });

  test("a manager that dies", async () => {
    const failure = await sabotage(async ({ replicas }) => {
      for (const { process } of replicas) process?.kill("SIGKILL");
    });
    expect(failure).toMatchObject({ check: "stops when asked", message: expect.stringContaining("SIGKILL") });
  });
});
