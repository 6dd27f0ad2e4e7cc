/*
 * `make chaos`: the invariants of chaos.integration.test.ts for any seeds (CHAOS_SEEDS=1-200), or for one story
 * (CHAOS_STORY=<file>), as a failure prints it. CHAOS_SHRINK_SECONDS=0 does not look for a shorter one.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, test } from "vitest";
import { storyOf } from "./generate.ts";
import { playStory } from "./play-story.ts";
import { parseSeeds } from "./seeds.ts";
import { Stage } from "./stage.ts";
import type { Story } from "./story.ts";

/** Milliseconds to look for a shorter story, for each that fails. */
const SHRINK_FOR = Number(process.env.CHAOS_SHRINK_SECONDS || 300) * 1_000;
const TIMEOUT = SHRINK_FOR + 240_000;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage?.[Symbol.asyncDispose]());

const file = process.env.CHAOS_STORY;
// Sound: a story as a failure has printed it.
const stories = file
  ? [JSON.parse(readFileSync(file, "utf8")) as Story]
  : parseSeeds(process.env.CHAOS_SEEDS || "1-20").map(storyOf);

test.each(stories)("seed $seed", { timeout: TIMEOUT }, (story) => playStory(stage, story, { shrinkFor: SHRINK_FOR }));
