import { keyOf, NotFoundError, Pods, type Projection, parseKey, type Stored, sleep } from "@pcmc/controller-runtime";
import type { DaemonSet } from "kubernetes-types/apps/v1.d.ts";
import { AGENT, NAME } from "../../rbac/names.ts";
import { DaemonSets } from "../doctor/resources.ts";
import { type AgentNode, agentContainer, type Detaching, detaching, detachPatch } from "./agent-pods.ts";
import { callOf, counted, type Step, type StepContext, type StepResult } from "./step.ts";

/** Milliseconds between two looks. */
const INTERVAL = 1_000;

const POD_FIELDS: Projection = {
  metadata: { ownerReferences: true },
  spec: { nodeName: true, affinity: true, containers: { name: true, args: true } },
  status: { conditions: true, containerStatuses: true, startTime: true },
};

/**
 * Has the agents of all nodes take out of the kernel what they have put there, and waits until they have: the Pods of their
 * DaemonSet run `agent uninstall --stay` instead of `agent`, all at once, and are ready when their node is clean.
 *
 * @param names - of DaemonSets; those that do not exist are passed over.
 * @param unreachable - whether nodes that do not answer are a failure.
 */
export const agentsStep = (names: readonly string[], unreachable: "told" | "left"): Step => ({
  name: "agents",
  isRequired:
    "without the agents nobody would take out what they put into the kernels; --skip-unreachable goes on without nodes that do not answer",
  run: async (context) => {
    // All of them first: the time of one can be up when the other is looked for.
    const found = await Promise.all(names.map((name) => read(context, name)));
    const results: StepResult[] = [];
    for (const daemonSet of found) {
      if (daemonSet !== undefined) results.push(await resultOf(context, daemonSet, unreachable));
    }
    if (results.length === 0) return { said: `there is no DaemonSet ${names.join(" or ")} in ${context.namespace}` };
    return {
      said: results.map(({ said }) => said).join("; "),
      left: results.flatMap(({ left = [] }) => left),
      notes: results.flatMap(({ notes = [] }) => notes),
    };
  },
});

/** The DaemonSets whose Pods attach programs: agents, and managers that are agents too (`manager --role all`). */
export const AGENT_DAEMON_SETS = [AGENT.name, NAME];

const read = async (context: StepContext, name: string): Promise<Stored<DaemonSet> | undefined> => {
  try {
    return await context.client.get(DaemonSets, { namespace: context.namespace, name }, callOf(context));
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
};

/** Of one DaemonSet. What cannot be known to be clean is left: whoever has seen to its nodes deletes it. */
const resultOf = async (
  context: StepContext,
  daemonSet: Stored<DaemonSet>,
  unreachable: "told" | "left",
): Promise<StepResult> => {
  const container = agentContainer(daemonSet);
  const key = keyOf(daemonSet);
  if (container === undefined) {
    const why = 'no container of it runs "agent": detach by hand, and delete it';
    return { said: `DaemonSet ${key} is not understood`, left: [`DaemonSet ${key}: ${why}`] };
  }
  const result = context.mode === "look" ? plan(daemonSet) : await detach(context, daemonSet, unreachable);
  if (container.readinessProbe !== undefined) return result;
  const why = "it has no readiness probe: nobody can tell whether its nodes are clean";
  const line = `DaemonSet ${key}: ${why}. Look at the logs of its Pods, and delete it`;
  return { ...result, left: [...(result.left ?? []), line] };
};

const plan = (daemonSet: Stored<DaemonSet>): StepResult => ({
  said: `detach on ${counted(daemonSet.status?.desiredNumberScheduled ?? 0, "node")} (DaemonSet ${keyOf(daemonSet)})`,
});

const detach = async (
  context: StepContext,
  found: Stored<DaemonSet>,
  unreachable: "told" | "left",
): Promise<StepResult> => {
  const patch = detachPatch(found);
  const key = parseKey(keyOf(found));
  const daemonSet =
    patch === undefined
      ? found
      : await context.client.patch(DaemonSets, key, patch, { type: "strategic", ...callOf(context) });
  const { nodes, wanted, isDone } = await outcome(context, daemonSet);
  const open = nodes.filter(({ state }) => state !== "detached");
  const detached = nodes.length - open.length;
  const where = `(DaemonSet ${keyOf(daemonSet)})`;
  if (isDone) return { said: `detached on ${counted(detached, "node")} ${where}` };
  const absent = wanted - nodes.length;
  const isNote = ({ state }: AgentNode) => state === "unreachable" && unreachable === "told";
  return {
    said: `detached on ${detached} of ${counted(Math.max(wanted, nodes.length), "node")} ${where}`,
    notes: open.filter(isNote).map(openText),
    left: [
      ...open.filter((node) => !isNote(node)).map(openText),
      ...(absent > 0 ? [`${counted(absent, "node")}: no Pod of the DaemonSet there yet: kubectl describe it`] : []),
    ],
  };
};

/** How it stands when all is done, nothing more can be expected, or the time is up. */
const outcome = async (context: StepContext, { metadata }: Stored<DaemonSet>): Promise<Detaching> => {
  for (;;) {
    const now = await look(context, metadata.name);
    if (now.isDone || now.isHopeless || context.signal.aborted) return now;
    await sleep(context.clock, INTERVAL, timeUp(context)).catch(() => {});
  }
};

const timeUp = ({ signal }: StepContext): AbortSignal | undefined =>
  signal instanceof AbortSignal ? signal : undefined;

/** The last look comes when the time is up, so it is not bound by it. */
const look = async (context: StepContext, name: string): Promise<Detaching> => {
  const { client, namespace, clock } = context;
  const call = { timeout: 15_000 };
  const daemonSet = await client.get(DaemonSets, { namespace, name }, call);
  const labels = Object.entries(daemonSet.spec?.selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const options = { namespace, labelSelector: labels.join(","), project: POD_FIELDS, ...call };
  return detaching(daemonSet, (await client.list(Pods, options)).items, clock.date());
};

const openText = ({ node, why, state }: AgentNode): string => {
  const remains =
    state === "unreachable"
      ? "; what agents put into its kernel stays until the node is started again, or until `pcmc agent uninstall` has run there as root"
      : "";
  return `node ${node}: ${why}${remains}`;
};
