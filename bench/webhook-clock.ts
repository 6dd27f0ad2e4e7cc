import type { ManagerProcess } from "../packages/operator/test/integration/support/manager-process.ts";
import { samplesOf } from "../packages/operator/test/integration/support/metrics.ts";

const LATENCY = "controller_runtime_webhook_latency_seconds";

/** What a webhook has answered since the start of its process. */
export interface Answered {
  readonly all: number;
  /** Within 5 ms of coming in. */
  readonly soon: number;
}

/** What the webhook at `path` counts itself: without the way to it, and without what its caller's process needs. */
export const answered = async (manager: ManagerProcess, path: string): Promise<Answered> => {
  const calls = samplesOf(await manager.scrape()).filter(({ labels }) => labels.webhook === path);
  const all = calls.find(({ name }) => name === `${LATENCY}_count`)?.value ?? 0;
  const soon = calls.find(({ name, labels }) => name === `${LATENCY}_bucket` && labels.le === "0.005")?.value ?? 0;
  return { all, soon };
};

/** Of the calls between two looks, the share that was answered within 5 ms. */
export const shareBetween = (before: Answered = NONE, after: Answered): number =>
  (after.soon - before.soon) / (after.all - before.all);

const NONE: Answered = { all: 0, soon: 0 };
