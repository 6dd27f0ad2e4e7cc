/*
 * Invariant: the manager has a connection for each Deployment that is worked on at a time.
 */
import { expect, test } from "vitest";
import { allWorkers } from "../../src/controllers/workers.ts";
import { WORKERS } from "../../src/podlogreader/workers.ts";

test("the manager counts as many workers for podlogreader as it has", () => {
  const settings = { controllerPodWorkers: 1, controllerPcmcWorkers: 1 } as const;
  expect(allWorkers({ ...settings, controllers: ["podlogreader"] })).toBe(WORKERS);
});
