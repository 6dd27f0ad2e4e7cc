import { type Client, sleep, stopSignals, systemClock } from "@pcmc/controller-runtime";
import { type ClusterFlags, withCluster } from "./deployment/session.ts";
import { EXIT, InputError, type Io } from "./io.ts";
import { type AgentSource, agentsAt, agentsIn } from "./top/agents.ts";
import { type Look, lookAt, type Pages, readAll } from "./top/look.ts";
import { tableOf } from "./top/table.ts";

/** What `pcmc top` was asked for. */
export interface TopOptions extends ClusterFlags {
  readonly node?: string;
  /** Ask these, and no cluster. */
  readonly agent?: readonly string[];
  /** Milliseconds. */
  readonly interval: number;
  readonly once?: true;
  readonly output: "table" | "json";
}

/** Finds the agents anew at each look: nodes come and go. */
type FindAgents = (signal: AbortSignal) => Promise<readonly AgentSource[]>;

const NO_AGENTS =
  "no node agent was found: apply manifests/agent.yaml, or name one with --agent (agents are Pods labelled podconfig.example.com/node-agent=true)";

/** Back to the top left, and all below it away. */
const CLEAR = "\u001b[H\u001b[J";

/**
 * Shows what Pods do, until SIGINT, or once.
 *
 * @returns 0; 1 where some agents do not answer, which is told on standard error.
 * @throws InputError when there is no cluster, or no agent.
 */
export const top = async (options: TopOptions, io: Io): Promise<number> => {
  using signals = stopSignals();
  const signal = signals.stop;
  const { agent: urls, node } = options;
  if (urls !== undefined) return await watchAgents(options, io, { find: async () => agentsAt(checked(urls)), signal });
  const find = (client: Client) => (ending: AbortSignal) => agentsIn(client, { node, signal: ending });
  return await withCluster(options, io, ({ client }) => watchAgents(options, io, { find: find(client), signal }));
};

const checked = (urls: readonly string[]): readonly string[] => {
  const wrong = urls.filter((url) => !/^https?:\/\//.test(url) || !URL.canParse(url));
  if (wrong.length > 0)
    throw new InputError(wrong.map((url) => `--agent ${url}: must be a URL, such as http://127.0.0.1:8080`));
  return urls;
};

interface Watched {
  readonly find: FindAgents;
  readonly signal: AbortSignal;
}

const watchAgents = async (options: TopOptions, io: Io, { find, signal }: Watched): Promise<number> => {
  const read = async (): Promise<Pages> => {
    const agents = await find(signal);
    if (agents.length === 0) throw new InputError([NO_AGENTS]);
    return await readAll(agents, signal);
  };
  try {
    for (let before = await read(); ; ) {
      await waited(options.interval, signal);
      const after = await read();
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
