import {
  type Change,
  type Client,
  Controller,
  holdUntilSynced,
  type KeyString,
  keyOf,
  type PageContent,
  type ReadyCheck,
  type Runnable,
  type Stored,
  systemClock,
  watch,
  watchChanges,
} from "@pcmc/controller-runtime";
import type { PodConfigMapConfig } from "../../api/podconfigmapconfig.ts";
import type { ControllerParts } from "../../controllers/controller-parts.ts";
import type { EbpfMetrics } from "../../metrics/ebpf-metrics.ts";
import { architectureOf } from "../architecture.ts";
import type { ErrorCounts } from "../error-counts.ts";
import type { Architecture } from "../syscalls-table.ts";
import { Completeness } from "./completeness.ts";
import { ConditionWriter } from "./condition-writer.ts";
import { FollowedPods } from "./followed-pods.ts";
import { Kernel, type KernelOptions } from "./kernel.ts";
import { LivePages } from "./live-page.ts";
import { Meter } from "./meter.ts";
import { LIVE_PATH } from "./names.ts";
import { PodReconciler } from "./reconciler.ts";
import { type AgentSources, agentSourcesOf, BY_CGROUP } from "./sources.ts";
import { Sweeper } from "./sweeper.ts";

/** The work is the kernel's and quick; what is waited for is the API server's answer to a patch, one a worker. */
const AGENT_WORKERS = 4;

export interface AgentOptions extends Omit<ControllerParts, "events"> {
  readonly nodeName: string;
  /** The namespaces that `cache` is bound to; none = all. */
  readonly namespaces: readonly string[];
  /** Whether something of the Pod with this UID is pinned, also where there is no kernel side. */
  readonly isPinned: (uid: string) => boolean;
  /** Where failures of Pods are kept over restarts. */
  readonly errors: ErrorCounts;
  /** Writes the conditions. */
  readonly client: Client;
  /** Gets hold of the kernel side; see `openEnforcer`. */
  readonly open: KernelOptions["open"];
  readonly metrics: EbpfMetrics;
}

/** The agent as a part of a manager. */
export interface Agent {
  readonly runnable: Runnable;
  readonly readyCheck: ReadyCheck;
  /** By path. */
  readonly pages: Readonly<Record<string, () => PageContent>>;
}

/** The name of the controller, in logs and metrics. */
const AGENT_CONTROLLER = "ebpf";

/**
 * The agent of one node: for each of its Pods, what the PodConfigMapConfigs ask for is brought into the kernel, reported as a
 * condition of the Pod, and counted. It takes no part in an election, and nothing that it does is undone when it ends.
 */
export const nodeAgent = (options: AgentOptions): Agent => {
  const { nodeName, cache, namespaces, isPinned, errors, client, metrics, log } = options;
  const sources = agentSourcesOf(cache, nodeName);
  const kernel = new Kernel({ open: options.open, clock: systemClock, random: Math.random, log });
  const read = (uids?: ReadonlySet<string>) => kernel.enforcer?.readings(uids);
  const meter = new Meter({ read, clock: systemClock, log });
  const followed = new FollowedPods({ meter, metrics, errors: ownedErrors(errors, kernel) });
  const conditions = new ConditionWriter({ client, pods: sources.pods, clock: systemClock });
  const trouble = () => kernel.trouble ?? refusalOf(conditions);
  metrics.show({
    agent: () => ({ node: nodeName, ready: trouble() === undefined, secondsLate: meter.lateness / 1_000 }),
    readings: () => meter.readings(),
    attached: () => followed.exported(),
    runStats: () => kernel.enforcer?.runStats(),
  });
  const reconciler = new PodReconciler({
    sources,
    kernel,
    isPinned,
    conditions,
    observer: followed,
    architecture: policyArchitecture(),
  });
  const controller = controllerOf(options, sources, reconciler);
  const sweeper = new Sweeper({ pods: sources.pods, kernel, namespaces, log });
  const live = new LivePages({
    node: nodeName,
    read: () => read(),
    failure: () => kernel.trouble ?? "",
    clock: systemClock,
  });
  return {
    runnable: runnableOf({ controller, kernel, meter, sweeper, sources }),
    readyCheck: { name: "ebpf", check: trouble },
    pages: { [LIVE_PATH]: () => jsonPage(live.page()) },
  };
};

/** While another agent may have the pin directory, what it keeps there is not ours to change. */
const ownedErrors = (errors: ErrorCounts, kernel: Kernel): Pick<ErrorCounts, "read" | "write"> => ({
  read: (uid) => errors.read(uid),
  write: (uid, counts) => {
    if (kernel.enforcer !== undefined) errors.write(uid, counts);
  },
});

/** An agent whose reports nobody gets is none that a rollout should go on with. */
const refusalOf = ({ refusal }: ConditionWriter): string | undefined =>
  refusal === undefined ? undefined : `Conditions of Pods cannot be written: ${refusal}`;

/** On a node of another one nothing gets into the kernel, and what a policy holds is of no interest; that is no reason to end. */
const policyArchitecture = (): Architecture => {
  try {
    return architectureOf();
  } catch {
    return "x86_64";
  }
};

const controllerOf = (
  options: AgentOptions,
  { pods, configs }: AgentSources,
  reconciler: PodReconciler,
): Controller => {
  // A policy of some of the PodConfigMapConfigs would open or count what the others do not: all are waited for.
  const held = holdUntilSynced([configs, pods], reconciler.reconcile);
  const podsOf = (namespace: string) => pods.inNamespace(namespace).map(keyOf);
  const { log, observer, queueMetrics, maxRetries, timeout, resyncPeriod: period } = options;
  return new Controller({
    name: AGENT_CONTROLLER,
    watches: [
      watch(pods, keyOf),
      watchChanges(configs, (change) => (changesSpec(change) ? podsOf(change.object.metadata.namespace ?? "") : [])),
      held.watch,
    ],
    reconcile: held.reconcile,
    workers: AGENT_WORKERS,
    resync: { period, keys: () => keysOf(pods.values()) },
    log,
    observer,
    queueMetrics,
    maxRetries,
    timeout,
  });
};

/** Its status is written by the manager, often, and asks for nothing. */
const changesSpec = (change: Change<Stored<PodConfigMapConfig>>): boolean =>
  change.type !== "updated" ||
  change.object.metadata.uid !== change.old.metadata.uid ||
  change.object.metadata.generation !== change.old.metadata.generation;

interface Parts {
  readonly controller: Controller;
  readonly kernel: Kernel;
  readonly meter: Meter;
  readonly sweeper: Sweeper;
  readonly sources: AgentSources;
}

const runnableOf = ({ controller, kernel, meter, sweeper, sources: { pods } }: Parts): Runnable => ({
  name: AGENT_CONTROLLER,
  run: async (signals) => {
    // In this order at the end: no reconcile is left that could use what is let go of.
    await using _kernel = kernel;
    using ending = new DisposableStack();
    ending.use(meter);
    ending.use(sweeper.start());
    const enqueueAll = () => {
      for (const pod of pods.values()) controller.enqueue(keyOf(pod));
    };
    const onCgroup = (podId: string) => {
      for (const pod of pods.byIndex(BY_CGROUP, podId)) controller.enqueue(keyOf(pod));
    };
    const incomplete = () => kernel.enforcer?.incomplete() ?? [];
    ending.use(new Completeness({ incomplete, enqueue: onCgroup, clock: systemClock }));
    kernel.onChange(() => {
      enqueueAll();
      const { enforcer } = kernel;
      if (enforcer !== undefined) ending.use(enforcer.onCgroup(onCgroup));
    });
    const ended = AbortSignal.any([signals.stop, signals.kill]);
    const held = kernel.open(ended).then(() => kernel.keep(ended));
    await Promise.all([held, controller.run(signals)]);
  },
});

function* keysOf(objects: Iterable<Parameters<typeof keyOf>[0]>): Generator<KeyString> {
  for (const object of objects) yield keyOf(object);
}

const jsonPage = (content: object): PageContent => ({
  status: 200,
  contentType: "application/json",
  body: `${JSON.stringify(content)}\n`,
});
