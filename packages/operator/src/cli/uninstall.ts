import { type Client, systemClock } from "@pcmc/controller-runtime";
import { type ClusterFlags, withCluster } from "./deployment/session.ts";
import { EXIT, InputError, type Io } from "./io.ts";
import { AGENT_DAEMON_SETS, agentsStep } from "./uninstall/agents.ts";
import { conditionsStep, definitionsStep } from "./uninstall/definitions.ts";
import { generatedSteps } from "./uninstall/generated.ts";
import { findInstallation, type Installation } from "./uninstall/installation.ts";
import { leaderStep, managerStep } from "./uninstall/manager.ts";
import { operatorStep, webhooksStep } from "./uninstall/own-objects.ts";
import { failureText, type Step, type StepContext } from "./uninstall/step.ts";

/** What `pcmc uninstall` was asked for. */
export interface UninstallOptions extends ClusterFlags {
  readonly agentsOnly?: boolean;
  readonly purge?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  /** Nodes that do not answer are told, and no failure. */
  readonly skipUnreachable?: boolean;
  /** DaemonSets whose Pods detach. */
  readonly daemonSet?: readonly string[];
  /** Milliseconds for each thing that is waited for. */
  readonly timeout: number;
}

const REFUSED = "nothing was removed: run it with --yes, or at a terminal to be asked; --dry-run shows what would go";

/**
 * Removes the operator from a cluster, each step told in a line. What is gone already is passed over, so it can be run again after
 * a failure, and on what is left of an installation.
 *
 * @returns 0; 1 where something is left, which is told on standard error.
 * @throws InputError when there is no cluster, nobody to confirm, or another installation whose users' objects would be purged.
 */
export const uninstallCluster = (options: UninstallOptions, io: Io): Promise<number> =>
  withCluster(options, io, async ({ client }) => {
    if (options.agentsOnly && options.purge) throw new InputError(["--agents-only and --purge exclude each other"]);
    const installation = await installationOf(options, client);
    if (options.purge && installation.others.length > 0) throw new InputError([purgeRefusal(installation)]);
    const steps = stepsOf(options, installation);
    const context = { client, clock: systemClock, namespace: installation.namespace };
    if (options.dryRun) return codeOf(await runAll(steps, { ...context, mode: "look" }, options, io));
    if (!options.yes && !(await isConfirmed(steps, { ...context, mode: "look" }, options, io))) return EXIT.failed;
    // What is waited for is waited for by timers that keep no process alive.
    const hold = setInterval(() => {}, 0x7fffffff);
    const end = await runAll(steps, { ...context, mode: "do" }, options, io).finally(() => clearInterval(hold));
    const notes = end === "stopped" ? [] : notesOf(options, installation);
    for (const note of notes) io.stderr(`note: ${note}\n`);
    return codeOf(end);
  });

/** What users made, and the definitions, are the cluster's: nobody can tell which of the installations they are for. */
const purgeRefusal = ({ namespace, others }: Installation): string => {
  const each = others.map((other) => `pcmc uninstall --namespace ${other}`).join(", ");
  return (
    `nothing was removed: --purge takes what all installations made, and there is something of one in ${others.join(" and ")}, too. ` +
    `Remove ${namespace} alone without --purge; to remove all, run ${each} first`
  );
};

/** How all steps together have ended: something can be left, and some may not have been begun. */
type End = "clean" | "left" | "stopped";

const codeOf = (end: End): number => (end === "clean" ? EXIT.ok : EXIT.failed);

/** In the Job of the chart, which names it, nothing more may be read. */
const installationOf = async ({ agentsOnly, namespace }: UninstallOptions, client: Client): Promise<Installation> =>
  agentsOnly && namespace !== undefined ? named(namespace) : findInstallation(client, namespace);

const named = (namespace: string): Installation => ({
  namespace,
  isFound: true,
  others: [],
  lock: { namespace, name: "" },
  secret: { namespace, name: "" },
  release: undefined,
});

const stepsOf = (options: UninstallOptions, installation: Installation): readonly Step[] => {
  const agents = agentsStep(options.daemonSet ?? AGENT_DAEMON_SETS, options.skipUnreachable ? "told" : "left");
  if (options.agentsOnly) return [agents];
  const operator = [
    leaderStep(installation),
    agents,
    webhooksStep(installation),
    managerStep(installation),
    operatorStep(installation),
  ];
  return options.purge ? [...operator, ...generatedSteps, conditionsStep, definitionsStep] : operator;
};

type Context = Omit<StepContext, "signal">;
type Limits = Pick<UninstallOptions, "timeout">;

const runAll = async (steps: readonly Step[], context: Context, { timeout }: Limits, io: Io): Promise<End> => {
  let end: End = "clean";
  for (const step of steps) {
    if (await runStep(step, { ...context, signal: AbortSignal.timeout(timeout) }, io)) continue;
    end = "left";
    if (step.isRequired === undefined || context.mode === "look") continue;
    io.stderr(`nothing after that was begun: ${step.isRequired}\n`);
    return "stopped";
  }
  return end;
};

/** Whether it left nothing. */
const runStep = async (step: Step, context: StepContext, io: Io): Promise<boolean> => {
  try {
    const { said, left = [], notes = [] } = await step.run(context);
    io.stdout(`${context.mode === "look" ? "would: " : ""}${step.name}: ${said}\n`);
    for (const line of [...notes, ...left]) io.stderr(`${step.name}: ${line}\n`);
    return left.length === 0;
  } catch (error) {
    io.stderr(`${step.name}: failed: ${failureText(error)}\n`);
    return false;
  }
};

/** Whether somebody at a terminal has seen what goes, and wants it to. @throws InputError where nobody is there. */
const isConfirmed = async (steps: readonly Step[], context: Context, options: Limits, io: Io): Promise<boolean> => {
  if (io.ask === undefined) throw new InputError([REFUSED]);
  await runAll(steps, context, options, io);
  const answer = await io.ask("Remove it? Only yes is a yes: ");
  if (answer?.trim() === "yes") return true;
  io.stderr("nothing was removed\n");
  return false;
};

const notesOf = (options: UninstallOptions, { namespace, isFound, release }: Installation): readonly string[] => {
  const { agentsOnly, purge } = options;
  const unfound =
    isFound || options.namespace !== undefined
      ? []
      : [`nothing of it was found in any namespace, so ${namespace} was searched: --namespace names another one`];
  if (agentsOnly) return unfound;
  return [
    ...unfound,
    ...(purge
      ? []
      : [
          "definitions, what users made of them, and the ConfigMaps and Roles made for users stay; --purge removes them",
        ]),
    ...(release === undefined
      ? []
      : [`Helm still lists its release: helm uninstall ${release} -n ${namespace} --no-hooks`]),
  ];
};
