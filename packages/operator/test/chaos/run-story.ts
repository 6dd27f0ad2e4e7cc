import { eventually } from "../integration/support/eventually.ts";
import {
  errorLines,
  expectConverged,
  expectNoLeak,
  expectUntouched,
  untilLookedAtAll,
  untilQuiet,
  writesIn,
} from "./checks.ts";
import { differenceText } from "./difference-text.ts";
import type { Replica } from "./replica.ts";
import { Scene } from "./scene.ts";
import type { Stage } from "./stage.ts";
import type { Story } from "./story.ts";

export interface RunOptions {
  /** Milliseconds from the end of the faults to the converged cluster. Default 60,000: a standing conflict is looked at every 36 s. */
  readonly deadline?: number;
  /** Called before the first check; for tests of the checks. */
  readonly beforeChecks?: (scene: Scene) => Promise<void>;
}

/** A story did not end well. */
export class StoryFailure extends Error {
  override readonly name = "StoryFailure";
  /** The check that failed, in words. */
  readonly check: string;
  /** What the managers said. */
  readonly lines: readonly string[];
  /** What they asked of the API server. */
  readonly requests: readonly string[];

  constructor(check: string, cause: unknown, replicas: readonly Replica[]) {
    const text = cause instanceof Error ? cause.message : String(cause);
    super([`${check}: ${text}`, ...differenceText(cause)].join("\n"), { cause });
    this.check = check;
    this.lines = replicas.flatMap(({ lines }) => lines);
    this.requests = replicas.flatMap(({ requestLines }) => requestLines);
  }
}

/**
 * Plays a story, ends all faults, and checks that all is well.
 *
 * @throws StoryFailure
 */
export const runStory = async (stage: Stage, story: Story, options: RunOptions = {}): Promise<void> => {
  await using scene = await Scene.open(stage, story);
  try {
    for (const step of story.steps) await scene.play(step);
  } finally {
    // Whatever happened: the next story finds a cluster that runs.
    await scene.calm();
  }
  await judge(scene, story, options);
};

/** Milliseconds. Less than the slow cap of the backoff: what only that mends has been missed. */
const DEADLINE = 25_000;

const judge = async (scene: Scene, story: Story, { deadline = DEADLINE, beforeChecks }: RunOptions): Promise<void> => {
  const { namespace, foreign, replicas } = scene;
  const check = async (what: string, look: () => unknown): Promise<void> => {
    try {
      await look();
    } catch (error) {
      throw new StoryFailure(what, error, replicas);
    }
  };
  const managers = () => replicas.flatMap(({ process }) => process ?? []);
  const logs = replicas.map(({ proxy }) => proxy.requests);
  const converged = () =>
    eventually("the cluster is as it should be", () => expectConverged(namespace, foreign), { deadline });
  await beforeChecks?.(scene);
  await check("converges", converged);
  await check("comes to rest", () => untilQuiet(logs, deadline));
  await check("stays converged", () => expectConverged(namespace, foreign));
  await check("touches nothing that is not ours", () => expectUntouched(namespace, foreign));
  await check("leaks nothing", () => managers().forEach(expectNoLeak));
  await check("stops when asked", () => stopAll(scene));
  const from = logs.map(({ length }) => length);
  await Promise.all(replicas.map((replica) => replica.start()));
  await check("starts again", () => untilLookedAtAll(managers(), namespace));
  await check("writes nothing to a converged cluster", () => {
    const writes = logs.flatMap((log, i) => writesIn(log.slice(from[i])));
    if (writes.length > 0) throw new Error(writes.join("\n"));
  });
  await check("stops when asked, again", () => stopAll(scene));
  await check("touches nothing that is not ours, again", () => expectUntouched(namespace, foreign));
  await check("logs no error", () => {
    const restarts = story.steps.some((step) => step.do === "restart-server");
    // An API server that has just started answers 403 until its authorizer has read the roles.
    const excused = restarts ? ["not allowed to"] : [];
    const errors = replicas.flatMap(({ lines }) => errorLines(lines, excused));
    if (errors.length > 0) throw new Error(errors.join("\n"));
  });
};

/** Stops all managers. @throws when one ends in another way than it should, now or before. */
const stopAll = async ({ replicas }: Scene): Promise<void> => {
  for (const replica of replicas) replica.stop();
  const stopped = Promise.all(replicas.map((replica) => replica.stopped())).then(() => true);
  await eventually("all managers have ended", () => Promise.race([stopped, false]), { deadline: 15_000 });
  const bad = replicas.flatMap((replica) => replica.badEnds());
  if (bad.length > 0) throw new Error(bad.join("\n"));
};
