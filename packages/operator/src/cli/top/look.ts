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
        const page = await agent.read(signal);
        return { agent, page, trouble: page.failure === undefined ? undefined : troubleOf(agent, page.failure) };
      } catch (error) {
        signal.throwIfAborted();
        return { agent, trouble: troubleOf(agent, error) };
      }
    }),
  );
  return {
    pages: new Map(answers.flatMap(({ agent, page }) => (page === undefined ? [] : [[agent.name, page]]))),
    troubles: answers.flatMap(({ trouble }) => trouble ?? []),
  };
};

/** What happened between two times: of each agent whose two pages can be compared. The others are troubles. */
export const lookAt = (
  before: Pages,
  after: Pages,
  { namespace }: { readonly namespace?: string | undefined },
): Look => {
  const agents = new Set([...before.pages.keys(), ...after.pages.keys()]);
  const compared = [...agents].map((agent) => {
    const [old, now] = [before.pages.get(agent), after.pages.get(agent)];
    const why = whyNoRates(old, now);
    // Why it did not answer, or has no Pods, is told already.
    const isTold = after.troubles.some((trouble) => trouble.startsWith(`${agent}: `));
    return {
      pods: old === undefined || now === undefined || why !== undefined ? [] : ratesBetween(old, now),
      troubles: why === undefined || isTold ? [] : [`${agent}: ${why}`],
    };
  });
  const pods = compared.flatMap((one) => one.pods);
  const wanted = namespace === undefined ? pods : pods.filter((pod) => pod.namespace === namespace);
  return { pods: busiestFirst(wanted), troubles: [...after.troubles, ...compared.flatMap((one) => one.troubles)] };
};

const whyNoRates = (old: LivePage | undefined, now: LivePage | undefined): string | undefined => {
  if (now === undefined) return "it has gone since the look before";
  if (old === undefined || old.failure !== undefined)
    return "there are no rates yet: it had nothing to tell at the look before";
  if (now.at < old.at) return "there are no rates yet: it has started anew since the look before";
  if (now.at === old.at) return "there are no rates: it has read nothing new since the look before";
  return undefined;
};
