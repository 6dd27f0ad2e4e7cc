import { runStory, StoryFailure } from "./run-story.ts";
import { type Shrunk, shrink } from "./shrink.ts";
import type { Stage } from "./stage.ts";
import { describeStep, type Step, type Story } from "./story.ts";

/** While a story is shrunk, it fails when it has not converged after so long: it would take a minute each time. Milliseconds. */
const SHRINK_DEADLINE = 12_000;
/** Of each log, in a report. */
const LOG_LINES = Number(process.env.CHAOS_LOG_LINES || 40);

export interface PlayOptions {
  /** Milliseconds to look for a shorter story with the same failure. */
  readonly shrinkFor: number;
}

/**
 * Plays a story; where it fails, looks for the shortest part of it that fails in the same check.
 *
 * @throws Error that says what failed, how to see it again, and the story.
 */
export const playStory = async (stage: Stage, story: Story, { shrinkFor }: PlayOptions): Promise<void> => {
  const failure = await failureOf(stage, story);
  if (failure === undefined) return;
  const end = performance.now() + shrinkFor;
  let last = failure;
  const fails = async (steps: readonly Step[]): Promise<boolean> => {
    const found = await failureOf(stage, { ...story, steps }, SHRINK_DEADLINE);
    if (found?.check !== failure.check) return false;
    last = found;
    return true;
  };
  const shrunk = await shrink(story.steps, fails, { mayGoOn: () => performance.now() < end });
  throw new Error(report(story, { failure: last, shrunk }));
};

const failureOf = async (stage: Stage, story: Story, deadline?: number): Promise<StoryFailure | undefined> => {
  try {
    await runStory(stage, story, deadline === undefined ? {} : { deadline });
    return undefined;
  } catch (error) {
    if (error instanceof StoryFailure) return error;
    throw error;
  }
};

/** What a person reads who has never seen this suite. */
const report = (
  { seed, replicas, steps }: Story,
  { failure, shrunk: { items, tries, minimal } }: { failure: StoryFailure; shrunk: Shrunk<Step> },
): string => {
  const shortest = minimal ? "no step of it can be left out" : "the time to shrink it was over";
  const story: Story = { seed, replicas, steps: items };
  return [
    `seed ${seed} does not end well: ${failure.message}`,
    "",
    `${items.length} of ${steps.length} steps, after ${tries} tries (${shortest}), with ${replicas} manager(s):`,
    ...items.map((step, i) => `${String(i + 1).padStart(3)}. ${describeStep(step)}`),
    "",
    `again: CHAOS_SEEDS=${seed} make chaos`,
    "this story alone: put it into a file, and CHAOS_STORY=<file> make chaos",
    JSON.stringify(story),
    "",
    "the end of what the managers said:",
    ...failure.lines.slice(-LOG_LINES),
    "",
    "and of what they asked of the API server:",
    ...failure.requests.slice(-LOG_LINES),
  ].join("\n");
};
