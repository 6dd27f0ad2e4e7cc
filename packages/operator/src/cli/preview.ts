import { Sources } from "./input/sources.ts";
import { InputError, type Io } from "./io.ts";
import { LazyEngine } from "./lazy-engine.ts";
import { type Inputs, readInputs } from "./preview/inputs.ts";
import type { RenderedScenes } from "./preview/render-all.ts";
import type { Planned } from "./preview/report.ts";
import type { Scene } from "./preview/scene.ts";
import { offlineScenes } from "./preview/scenes-offline.ts";
import { TimeLimit } from "./time-limit.ts";

/** What `pcmc preview` was asked for. */
export interface PreviewOptions {
  readonly filename: readonly string[];
  readonly pod?: readonly string[];
  readonly namespace?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly output?: "yaml" | "json";
  readonly diff?: boolean;
  readonly color: "auto" | "always" | "never";
  /** Milliseconds for all of it, from the start of the process, but for what standard input takes to come. */
  readonly timeout: number;
}

/** The flags that only make sense with a cluster. */
const CLUSTER_FLAGS = ["kubeconfig", "context", "diff"] as const;

/**
 * Shows the ConfigMaps that PodConfigMapConfigs of files make, for Pods of files or of a cluster.
 *
 * @returns 0; 1 when a template does not parse or a Pod fails, which is told on standard error.
 * @throws InputError when files, flags or cluster cannot be used.
 */
export const preview = async (options: PreviewOptions, io: Io): Promise<number> => {
  checkFlags(options);
  const sources = new Sources(io);
  const inputs = await readFiles(options, sources);
  // A person may take their time to type into standard input.
  const uptime = () => io.uptime() - sources.waited;
  using limit = new TimeLimit(options.timeout, uptime());
  const isLive = options.pod === undefined && inputs.pods.length === 0;
  const planned = isLive ? await planCluster(options, inputs, { io, limit }) : await planFiles(inputs, limit);
  const { report } = await import("./preview/report.ts");
  return report({ ...planned, configs: inputs.configs, notes: inputs.notes }, { options, io: { ...io, uptime } });
};

const checkFlags = (options: PreviewOptions): void => {
  const given = CLUSTER_FLAGS.filter((flag) => options[flag]).map((flag) => `--${flag}`);
  if (options.pod !== undefined && given.length > 0) {
    throw new InputError([`${given.join(", ")}: there is no cluster where Pods are given with --pod: leave one out`]);
  }
  if (options.diff && options.output !== undefined) {
    throw new InputError(["--diff and --output: a diff has no other form: leave one out"]);
  }
};

/** Asked for a cluster's Pods, those of the files do not count. */
const asksForCluster = ({ pod, namespace, ...options }: PreviewOptions): boolean =>
  pod === undefined && (namespace !== undefined || CLUSTER_FLAGS.some((flag) => options[flag]));

const readFiles = async (options: PreviewOptions, sources: Sources): Promise<Inputs> => {
  const { filename, pod, namespace } = options;
  const files = await sources.read(filename);
  const podFiles = pod === undefined ? undefined : await sources.read(pod);
  const inputs = readInputs({ files, podFiles, namespace });
  if (!asksForCluster(options) || inputs.pods.length === 0) return inputs;
  const names = inputs.pods.map(({ metadata }) => metadata.name).join(", ");
  const note = `Pods of -f are passed over, those of the cluster count: ${names}; to preview them, give --pod`;
  return { ...inputs, pods: [], notes: [...inputs.notes, note] };
};

const planFiles = async (inputs: Inputs, limit: TimeLimit): Promise<Planned> => {
  const scenes = offlineScenes(inputs);
  const { planOffline } = await import("./preview/plan-offline.ts");
  const { syntax, renderings } = await renderTemplates(scenes, limit);
  return { syntax, scenes: scenes.map((scene) => ({ scene, results: planOffline(scene, renderings(scene)) })) };
};

const planCluster = async (
  { kubeconfig, context, namespace }: PreviewOptions,
  { configs }: Inputs,
  { io, limit }: { readonly io: Io; readonly limit: TimeLimit },
): Promise<Planned> => {
  const [{ readScenes }, { planLive }] = await Promise.all([
    import("./preview/live.ts"),
    import("./preview/plan-live.ts"),
  ]);
  const scenes = await readScenes(configs, { kubeconfig, context, namespace }, { env: io.env, limit });
  const { syntax, renderings } = await renderTemplates(scenes, limit);
  return { syntax, scenes: scenes.map((scene) => ({ scene, results: planLive(scene, renderings(scene)) })) };
};

/** Slow templates must leave time for the others. */
const RENDER_DEADLINE = 1_000;

const renderTemplates = async (scenes: readonly Scene[], { signal, left }: TimeLimit): Promise<RenderedScenes> => {
  const { renderAll } = await import("./preview/render-all.ts");
  await using engine = new LazyEngine({ deadline: Math.min(RENDER_DEADLINE, left) });
  return await renderAll(scenes, { engine, signal });
};
