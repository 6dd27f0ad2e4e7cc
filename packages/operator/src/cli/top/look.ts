import type { LivePage } from "../../ebpf/agent/live-page.ts";
import { type AgentSource, troubleOf } from "./agents.ts";
import { busiestFirst, type PodRates, ratesBetween } from "./rates.ts";

/** What all agents answered at one time. */
export interface Pages {
  readonly pages: ReadonlyMap<string, LivePage>;
  /** Why some did not, a line each. */
  readonly troubles: readonly string[];
}

/** What is shown. */
export interface Look {
  readonly pods: readonly PodRates[];
  /** What is not seen, and why; a line each. */
  readonly troubles: readonly string[];
}

/** Asks all agents at the same time. Rejects only when `signal` aborts. */
export const readAll = async (agents: readonly AgentSource[], signal: AbortSignal): Promise<Pages> => {
  const answers = await Promise.all(
    agents.map(async (agent) => {
      try {
        return { agent, page: await agent.read(signal) };
      } catch (error) {
        signal.throwIfAborted();
        return { agent, trouble: troubleOf(agent, error) };
      }
    }),
  );
  return {
    pages: new Map(answers.flatMap(({ agent, page }) => (page === undefined ? [] : [[agent.name, page]]))),
    troubles: answers.flatMap(({ agent, page, trouble }) => {
      if (trouble !== undefined) return [trouble];
      return page?.failure === undefined ? [] : [`${agent.name}: ${page.failure}`];
    }),
  };
};

/** What happened between two times. */
export const lookAt = (
  before: Pages,
  after: Pages,
  { namespace }: { readonly namespace?: string | undefined },
): Look => {
  const pods = [...after.pages].flatMap(([agent, page]) => {
    const old = before.pages.get(agent);
    return old === undefined ? [] : ratesBetween(old, page);
  });
  const wanted = namespace === undefined ? pods : pods.filter((pod) => pod.namespace === namespace);
  return { pods: busiestFirst(wanted), troubles: after.troubles };
};
