import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { loadAgentSettings } from "../settings/agent-settings.ts";
import { agentSettingsList } from "../settings/agent-table.ts";
import { milliseconds, parseDuration } from "../settings/duration.ts";
import { loadSettings } from "../settings/settings.ts";
import { settingsList } from "../settings/table.ts";
import { SHELLS, type Shell } from "./completion/shells.ts";
import { deploymentName } from "./deployment/argument.ts";
import type { DoctorOptions } from "./doctor.ts";
import { type examples, examplesText } from "./examples.ts";
import type { Io } from "./io.ts";
import type { LogsKubeconfigOptions } from "./logs-kubeconfig.ts";
import type { PreviewOptions } from "./preview.ts";
import { settingsOptions } from "./settings-options.ts";
import type { TopOptions } from "./top.ts";
import { STAY_SETTINGS } from "./uninstall/command-line.ts";
import type { UninstallOptions } from "./uninstall.ts";
import type { ValidateOptions } from "./validate.ts";
import { version, versionLine } from "./version.ts";
import type { WhoCanReadOptions } from "./who-can-read.ts";

/** What the commands need to be defined. */
export interface Definitions {
  readonly io: Io;
  /** What users call the program: `pcmc` or `kubectl pcmc`. */
  readonly name: string;
  readonly setExitCode: (code: number) => void;
}

/**
 * All commands with their flags. Help and completion are made of this too. A command imports what it needs when it runs: `--help`
 * loads none of it.
 */
export const defineProgram = (definitions: Definitions): Command => {
  const { io, name } = definitions;
  const program = new Command(name)
    .description("A ConfigMap for each Pod, kept right.")
    .version(version, "-V, --version", "print the version")
    .addHelpText("after", examplesText("pcmc", name))
    .exitOverride()
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr });
  const command = (of: keyof typeof examples, description: string) =>
    program.command(of).description(description).addHelpText("after", examplesText(of, name));
  manager(command("manager", "Run the controllers until SIGTERM."), definitions);
  agent(
    command("agent", "Run the agent of one node, which does what ebpfConfig asks for, until SIGTERM."),
    definitions,
  );
  preview(command("preview", "Show the ConfigMaps that files make, for Pods of files or of a cluster."), definitions);
  validate(
    command("validate", "Check PodConfigMapConfigs and Watchers in files as admission does, without a cluster."),
    definitions,
  );
  whoCanRead(
    command("who-can-read", "Show who can read the logs of a Deployment's Pods, and by which rules."),
    definitions,
  );
  logsKubeconfig(
    command("logs-kubeconfig", "Print a kubeconfig that can read the logs of a Deployment's Pods, and nothing else."),
    definitions,
  );
  top(
    command("top", "Show what Pods do: system calls, packets allowed and blocked, ports that are knocked at."),
    definitions,
  );
  doctor(
    command("doctor", "Check a cluster: what is wrong with the installation, and what to do about it."),
    definitions,
  );
  uninstall(
    command("uninstall", "Remove the operator from a cluster, agents' work in the kernels first."),
    definitions,
  );
  completion(command("completion", "Print a script that completes commands and flags in a shell."), definitions);
  command("version", "Print the versions of pcmc and of Node.").action(() => io.stdout(`${versionLine()}\n`));
  return program;
};

type SettingsFlags = Readonly<Record<string, unknown>>;

const manager = (command: Command, { io, setExitCode }: Definitions): void => {
  for (const option of settingsOptions(settingsList)) command.addOption(option);
  command.action(async (flags: SettingsFlags) => {
    const settings = loadSettings({ flags, env: io.env });
    if (settings.role === "all") await assertAgentParts("pcmc manager --role all");
    const { runManager } = await import("./manager.ts");
    setExitCode(await runManager(settings));
  });
};

const agent = (command: Command, { io, setExitCode }: Definitions): void => {
  for (const option of settingsOptions(agentSettingsList)) command.addOption(option);
  command
    // Else the agent would take the flags of `uninstall` for its own.
    .enablePositionalOptions()
    .helpCommand(false)
    .action(async (flags: SettingsFlags) => {
      const settings = loadAgentSettings({ flags, env: io.env });
      await assertAgentParts("pcmc agent");
      const { runAgent } = await import("./agent.ts");
      setExitCode(await runAgent(settings));
    });
  const uninstall = command
    .command("uninstall")
    .description("Take all that agents have put into this node's kernel out again. The agent must not run.")
    .option(
      "--stay",
      "try until it is done, clear the Pods' condition too, and go on to serve /healthz and /readyz, which is 200 once it is done",
    );
  for (const option of settingsOptions(uninstallSettings(["bpfPinDir"]))) uninstall.addOption(option);
  uninstall.action(async ({ stay, ...own }: SettingsFlags) => {
    const list = uninstallSettings(stay === true ? STAY_SETTINGS : ["bpfPinDir"]);
    const settings = loadAgentSettings(sourcesOf(list, { flags: { ...command.opts(), ...own }, env: io.env }));
    await assertAgentParts("pcmc agent uninstall");
    if (stay === true) {
      const { stayUninstalled } = await import("./agent-uninstall-stay.ts");
      setExitCode(await stayUninstalled(settings));
      return;
    }
    const { uninstallAgent } = await import("./agent-uninstall.ts");
    setExitCode(uninstallAgent(settings, io));
  });
};

/** Not every image has them. */
const assertAgentParts = async (what: string): Promise<void> => {
  const { assertAgentParts: assert } = await import("./agent/parts.ts");
  assert(what);
};

type AgentKey = (typeof agentSettingsList)[number]["key"];

const uninstallSettings = (keys: readonly AgentKey[]) => agentSettingsList.filter(({ key }) => keys.includes(key));

/** Of flags and environment what concerns `list`: a wrong value elsewhere, which may be why no agent runs, must not keep it from going. */
const sourcesOf = (
  list: typeof agentSettingsList,
  { flags, env }: { readonly flags: SettingsFlags; readonly env: Io["env"] },
) => ({
  flags: Object.fromEntries(list.map(({ key }) => [key, flags[key]])),
  env: Object.fromEntries(
    list.flatMap(({ setting }) => (setting.env === undefined ? [] : [[setting.env, env[setting.env]]])),
  ),
});

const top = (command: Command, { io, setExitCode }: Definitions): void => {
  command
    .option("-n, --namespace <namespace>", "Pods of this namespace; of all when not given")
    .option("--node <node>", "Pods of this node; of all when not given")
    .option("--agent <url...>", "ask these agents, and no cluster: http://127.0.0.1:8080")
    .option("--agent-namespace <namespace>", "where the agents of the cluster run", "default")
    .option("--kubeconfig <file>", "kubeconfig of the cluster")
    .option("--context <context>", "context of the kubeconfig")
    .addOption(
      new Option("--interval <duration>", "between two looks; rates are of this time")
        .argParser(positiveDuration)
        .default(2_000, "2s"),
    )
    .option("--once", "look once, and end")
    .addOption(new Option("-o, --output <format>", "how it is shown").choices(["table", "json"]).default("table"))
    .action(async (options: TopOptions) => {
      const { top: run } = await import("./top.ts");
      setExitCode(await run(options, io));
    });
};

const doctor = (command: Command, { io, setExitCode }: Definitions): void => {
  command
    .option("-n, --namespace <namespace>", "that of the operator; found by its label when not given")
    .addOption(new Option("-o, --output <format>", "how it is printed").choices(["text", "json"]).default("text"))
    .addOption(
      new Option("--timeout <duration>", "for all checks together").argParser(positiveDuration).default(30_000, "30s"),
    )
    .option("--kubeconfig <file>", "kubeconfig of the cluster")
    .option("--context <context>", "context of the kubeconfig")
    .action(async (options: DoctorOptions) => {
      const { doctor: run } = await import("./doctor.ts");
      setExitCode(await run(options, io));
    });
};

const FILES = "file or folder with PodConfigMapConfigs; - is standard input";
const MANIFESTS = "file or folder with PodConfigMapConfigs and Watchers; - is standard input";

const preview = (command: Command, { io, setExitCode }: Definitions): void => {
  command
    .requiredOption("-f, --filename <file...>", FILES)
    .option("--pod <file...>", "file or folder with Pods, or with what makes Pods; - is standard input")
    .option(
      "-n, --namespace <namespace>",
      "without --pod: the namespace whose Pods count; with it: of Pods that name none",
    )
    .addOption(
      new Option("-o, --output <format>", "how the ConfigMaps are printed; yaml when not given").choices([
        "yaml",
        "json",
      ]),
    )
    .option("--diff", "print how the ConfigMaps in the cluster would change")
    .addOption(new Option("--color <when>", "color of the diff").choices(["auto", "always", "never"]).default("auto"))
    .option("--kubeconfig <file>", "kubeconfig of the cluster")
    .option("--context <context>", "context of the kubeconfig")
    .addOption(
      new Option("--timeout <duration>", "for all of it, whatever the templates do")
        .argParser(positiveDuration)
        .default(5_000, "5s"),
    )
    .action(async (options: PreviewOptions) => {
      const { preview: run } = await import("./preview.ts");
      setExitCode(await run(options, io));
    });
};

const validate = (command: Command, { io, setExitCode }: Definitions): void => {
  command
    .requiredOption("-f, --filename <file...>", MANIFESTS)
    .option("--strict", "exit with 1 for warnings too")
    .addOption(
      new Option("-o, --output <format>", "how findings are printed").choices(["text", "json"]).default("text"),
    )
    .action(async (options: ValidateOptions) => {
      const { validate: run } = await import("./validate.ts");
      setExitCode(await run(options, io));
    });
};

const DEPLOYMENT = "deployment/NAME";

/** The flags and the argument of commands about one Deployment. */
const aboutDeployment = (command: Command): Command =>
  command
    .addArgument(new Argument("<deployment>", DEPLOYMENT).argParser(deploymentName))
    .option("-n, --namespace <namespace>", "that of the Deployment; of the kubeconfig's context when not given")
    .option("--kubeconfig <file>", "kubeconfig of the cluster")
    .option("--context <context>", "context of the kubeconfig");

const whoCanRead = (command: Command, { io, setExitCode }: Definitions): void => {
  aboutDeployment(command)
    .addOption(new Option("-o, --output <format>", "how it is printed").choices(["table", "json"]).default("table"))
    .action(async (name: string, options: WhoCanReadOptions) => {
      const { whoCanRead: run } = await import("./who-can-read.ts");
      setExitCode(await run(name, options, io));
    });
};

const logsKubeconfig = (command: Command, { io, setExitCode }: Definitions): void => {
  aboutDeployment(command)
    .addOption(
      new Option("--ttl <duration>", "for how long the token is asked for, at least 10m")
        .argParser(tokenSeconds)
        .default(3_600, "1h"),
    )
    .action(async (name: string, options: LogsKubeconfigOptions) => {
      const { logsKubeconfig: run } = await import("./logs-kubeconfig.ts");
      setExitCode(await run(name, options, io));
    });
};

const uninstall = (command: Command, { io, setExitCode }: Definitions): void => {
  command
    .option("--purge", "also remove all that was made for users, and the definitions with every object of theirs")
    .option(
      "--agents-only",
      "only have the agents take out of the kernels what they put there; their Pods stay until they are deleted",
    )
    .option("--dry-run", "tell what would be removed, and remove nothing")
    .option("-y, --yes", "do not ask")
    .option("-n, --namespace <namespace>", "where it is installed; found when not given, or default")
    .addOption(
      new Option("--timeout <duration>", "for each thing that is waited for")
        .argParser(positiveDuration)
        .default(300_000, "5m"),
    )
    .option("--skip-unreachable", "nodes that do not answer are named, and are no failure")
    .option("--daemon-set <name...>", "DaemonSets whose Pods detach")
    .option("--kubeconfig <file>", "kubeconfig of the cluster")
    .option("--context <context>", "context of the kubeconfig")
    .action(async (options: UninstallOptions) => {
      const { uninstallCluster } = await import("./uninstall.ts");
      setExitCode(await uninstallCluster(options, io));
    });
};

const completion = (command: Command, { io }: Definitions): void => {
  command.addArgument(new Argument("<shell>", "which shell").choices(SHELLS)).action(async (shell: Shell) => {
    const { completionScript } = await import("./completion/scripts.ts");
    io.stdout(completionScript(shell));
  });
};

const positiveDuration = (text: string): number => {
  const duration = parseDuration(text);
  if (duration !== undefined && duration > 0n) return milliseconds(duration);
  throw new InvalidArgumentError("It must be a duration above 0, such as 5s or 500ms.");
};

/** Bounds of a TokenRequest, in seconds: `ValidateTokenRequest` of k8s.io/kubernetes/pkg/apis/authentication/validation. */
const TOKEN_SECONDS = { least: 600n, most: 2n ** 32n };

const tokenSeconds = (text: string): number => {
  const duration = parseDuration(text);
  const nanoseconds = (seconds: bigint): bigint => seconds * 1_000_000_000n;
  // Before it is rounded: 599.5 s are less than is allowed.
  if (
    duration !== undefined &&
    duration >= nanoseconds(TOKEN_SECONDS.least) &&
    duration <= nanoseconds(TOKEN_SECONDS.most)
  ) {
    return Math.ceil(milliseconds(duration) / 1_000);
  }
  throw new InvalidArgumentError("It must be from 10m to 1193046h: the API server makes no other tokens.");
};
