import { describe, sleep, stopSignals, systemClock } from "@pcmc/controller-runtime";
import { type ClusterFlags, withCluster } from "./deployment/session.ts";
import { EXIT, InputError, type Io } from "./io.ts";
import { type AgentSource, agentsAt, agentsIn } from "./top/agents.ts";
import { type Look, lookAt, type Pages, readAll } from "./top/look.ts";
import { PodNodes } from "./top/pod-nodes.ts";
import { printable } from "./top/printable.ts";
import { tableOf } from "./top/table.ts";

/** What `pcmc top` was asked for. */
export interface TopOptions extends ClusterFlags {
  readonly node?: string;
  /** Ask these, and no cluster. */
  readonly agent?: readonly string[];
  readonly agentNamespace: string;
  /** Milliseconds. */
  readonly interval: number;
  readonly once?: true;
  readonly output: "table" | "json";
}

/** Milliseconds for which agents give the same answer: nothing is to be learned by asking sooner. */
export const LEAST_INTERVAL = 200;

/** Back to the top left, and all below it away. */
const CLEAR = "\u001b[H\u001b[J";

/**
 * Shows what Pods do, until SIGINT, or once.
 *
 * @returns 0; 1 where not all is shown, which is told on standard error.
 * @throws InputError when flags contradict each other, or there is no cluster, or no agent.
 */
export const top = async (options: TopOptions, io: Io): Promise<number> => {
  check(options);
  using signals = stopSignals();
  const signal = signals.stop;
  const { agent: urls, agentNamespace, namespace, node } = options;
  if (urls !== undefined) {
    const agents = agentsAt(urls);
    return await watchAgents(options, io, { read: () => readAll(agents, signal), signal });
  }
  return await withCluster(options, io, (session) => {
    const nodes = new PodNodes(session.client, namespace);
    const read = async () => {
      const agents = found(await agentsIn(session, { agentNamespace, node, signal }), agentNamespace);
      return await nodes.own(await readAll(agents, signal), signal);
    };
    return watchAgents(options, io, { read, signal });
  });
};

const check = ({ agent: urls = [], node, interval }: TopOptions): void => {
  const wrong = urls
    .filter((url) => !/^https?:\/\//.test(url) || !URL.canParse(url))
    .map((url) => `--agent ${url}: must be a URL, such as http://127.0.0.1:8080`);
  if (urls.length > 0 && node !== undefined)
    wrong.push("--node and --agent: an agent has one node, so name one of the two");
  if (interval < LEAST_INTERVAL)
    wrong.push(`--interval: must be at least ${LEAST_INTERVAL}ms, for which agents give the same answer`);
  if (wrong.length > 0) throw new InputError(wrong);
};

const found = (agents: readonly AgentSource[], namespace: string): readonly AgentSource[] => {
  if (agents.length > 0) return agents;
  throw new InputError([
    `no node agent was found in the namespace ${namespace}: apply manifests/agent.yaml, name the namespace with --agent-namespace, or an agent with --agent (agents are Pods labelled podconfig.example.com/node-agent=true that run as an agent's ServiceAccount)`,
  ]);
};

interface Watched {
  /** Asks all agents anew: nodes come and go. */
  readonly read: () => Promise<Pages>;
  readonly signal: AbortSignal;
}

const watchAgents = async (options: TopOptions, io: Io, { read, signal }: Watched): Promise<number> => {
  try {
    for (let before = await read(); ; ) {
      await waited(options.interval, signal);
      const after = await read().catch((error: unknown) => {
        // Whoever looks on wants to see when it works again; what stood before is compared with that then.
        if (options.once || signal.aborted) throw error;
        show({ pods: [], troubles: [printable(describe(error))] }, options, io);
      });
      if (after === undefined) continue;
      const look = lookAt(before, after, options);
      show(look, options, io);
      if (options.once) return look.troubles.length > 0 ? EXIT.failed : EXIT.ok;
      before = after;
    }
  } catch (error) {
    // Whoever looks ends it so.
    if (signal.aborted) return EXIT.ok;
    throw error;
  }
};

const show = ({ pods, troubles }: Look, { output, once, interval }: TopOptions, io: Io): void => {
  const isScreen = output === "table" && io.isTerminal && !once;
  if (output === "json") {
    // Many looks: one a line, for programs that read along.
    const content = { intervalSeconds: interval / 1_000, pods, unseen: troubles };
    io.stdout(`${once ? JSON.stringify(content, null, 2) : JSON.stringify(content)}\n`);
  } else {
    io.stdout(`${isScreen ? CLEAR : ""}${tableOf(pods)}`);
  }
  const tell = isScreen ? io.stdout : io.stderr;
  for (const trouble of troubles) tell(`not all is shown: ${trouble}\n`);
};

/** A timer that keeps the process alive: between two looks there may be nothing else. */
const waited = async (milliseconds: number, signal: AbortSignal): Promise<void> => {
  const hold = setInterval(() => {}, 0x7fffffff);
  try {
    await sleep(systemClock, milliseconds, signal);
  } finally {
    clearInterval(hold);
  }
};
