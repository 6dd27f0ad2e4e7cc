import { agentSettingsList } from "../../settings/agent-table.ts";

type AgentKey = (typeof agentSettingsList)[number]["key"];

/** The settings that `agent uninstall --stay` goes by. */
export const STAY_SETTINGS: readonly AgentKey[] = [
  "kubeconfig",
  "nodeName",
  "watchNamespaces",
  "bpfPinDir",
  "metricsAddr",
  "logLevel",
  "logFormat",
  "logJsonFormat",
  "debug",
];

const STAY_FLAGS: ReadonlySet<string> = new Set(
  agentSettingsList.filter(({ key }) => STAY_SETTINGS.includes(key)).map(({ setting }) => setting.flag),
);

/** A flag as it stands in a command line. */
interface Given {
  /** Without the dashes. */
  readonly flag: string;
  readonly value: string | undefined;
  /** `--flag=value`, or `--flag`, `value`. */
  readonly words: readonly string[];
}

const FLAG = /^--(?<flag>[^=]+)(?:=(?<value>.*))?$/s;

const givenIn = (args: readonly string[]): readonly Given[] =>
  args.flatMap((word, at) => {
    const { flag, value } = FLAG.exec(word)?.groups ?? {};
    if (flag === undefined) return [];
    const next = args[at + 1];
    if (value !== undefined || next === undefined || next.startsWith("-")) return [{ flag, value, words: [word] }];
    return [{ flag, value: next, words: [word, next] }];
  });

/** What a command line says of a flag: the last word counts. */
export const flagValue = (args: readonly string[], flag: string): string | undefined =>
  givenIn(args).findLast((given) => given.flag === flag)?.value;

/** The words of a manager's command line that `agent uninstall --stay` goes by too. */
export const stayWords = (args: readonly string[]): readonly string[] =>
  givenIn(args)
    .filter(({ flag }) => STAY_FLAGS.has(flag))
    .flatMap(({ words }) => words);
