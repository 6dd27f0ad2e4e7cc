import type { DataError, TemplateEngine, TemplateSet } from "@pcmc/gotemplate";
import type { ParsedConfig } from "../../podconfigmap/config.ts";
import { type Rendering, selectedBy, type TemplateFault } from "../../podconfigmap/desired.ts";
import { faultOf, renderingOf, renderPod } from "../../podconfigmap/render.ts";
import type { NamedPod } from "./pods.ts";
import { type Renderings, type Scene, viewOf } from "./scene.ts";

/** What all templates came to. */
export interface RenderedScenes {
  /** The templates that do not parse: they fail for each Pod alike, and without one. */
  readonly syntax: ReadonlyMap<ParsedConfig, readonly TemplateFault[]>;
  /** For the Pods and the shown PodConfigMapConfigs of one of the scenes. */
  readonly renderings: (scene: Scene) => Renderings;
}

/** Renders under way at a time: enough for the workers of a large machine, and not 10,000 Pods as text at once. */
const AT_A_TIME = 32;

/** The templates of a PodConfigMapConfig, or why there are none. */
type Compiled = TemplateSet | { readonly fault: string };

interface Job {
  readonly scene: Scene;
  readonly config: ParsedConfig;
  readonly pod: NamedPod;
}

/**
 * Renders the templates of all PodConfigMapConfigs that are shown, for the Pods that they select. When `signal` aborts, what
 * is not rendered by then has failed, with the reason's words.
 */
export const renderAll = async (
  scenes: readonly Scene[],
  { engine, signal }: { readonly engine: Pick<TemplateEngine, "compileAll">; readonly signal: AbortSignal },
): Promise<RenderedScenes> => {
  const compiled = new Map<ParsedConfig, Compiled>();
  for (const config of new Set(scenes.flatMap(shownWithTemplates))) {
    compiled.set(config, await compile(config, { engine, signal }));
  }
  const found = new Map<string, Rendering>();
  // One iterator for all: each takes the next job when it is done with one.
  const jobs = scenes.flatMap(jobsOf).values();
  const work = async () => {
    for (const job of jobs) found.set(keyOf(job.scene, job.config, job.pod.metadata.name), await render(job));
  };
  const render = (job: Job) => renderOne(job, { templates: compiled.get(job.config), signal });
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return {
    syntax: new Map([...compiled].map(([config, set]) => [config, "fault" in set ? [] : set.errors.map(faultOf)])),
    renderings: (scene) => (config, pod) =>
      found.get(keyOf(scene, config, pod.name)) ?? failing(config, "not rendered: it is not previewed"),
  };
};

const keyOf = ({ namespace }: Scene, { name }: ParsedConfig, pod: string): string => `${namespace}/${name}/${pod}`;

const shownWithTemplates = ({ configs, shown }: Scene): ParsedConfig[] =>
  configs.filter(({ name, spec }) => shown.has(name) && spec.templates.size > 0);

const jobsOf = (scene: Scene): Job[] => {
  const configs = shownWithTemplates(scene);
  return scene.pods.flatMap((pod) => selectedBy(viewOf(pod), configs).map((config) => ({ scene, config, pod })));
};

const compile = async (
  { spec }: ParsedConfig,
  { engine, signal }: { readonly engine: Pick<TemplateEngine, "compileAll">; readonly signal: AbortSignal },
): Promise<Compiled> => {
  try {
    signal.throwIfAborted();
    return await engine.compileAll(Object.fromEntries(spec.templates), { signal });
  } catch (error) {
    return { fault: faultFrom(error, signal) };
  }
};

const renderOne = async (
  { config, pod }: Job,
  { templates, signal }: { readonly templates: Compiled | undefined; readonly signal: AbortSignal },
): Promise<Rendering> => {
  if (templates === undefined) return failing(config, "not compiled");
  if ("fault" in templates) return failing(config, templates.fault);
  try {
    signal.throwIfAborted();
    return renderingOf(await renderPod(pod, config.name, templates, { signal }));
  } catch (error) {
    return failing(config, faultFrom(error, signal));
  }
};

/** Why nothing was rendered; what is no fault of template, Pod or time is thrown on. */
const faultFrom = (error: unknown, signal: AbortSignal): string => {
  if (isDataError(error)) return `the Pod cannot be given to a template: ${error.message}`;
  if (signal.aborted) return signal.reason instanceof Error ? signal.reason.message : String(signal.reason);
  throw error;
};

/** By its name: who previews no template must not load the engine. */
const isDataError = (error: unknown): error is DataError => error instanceof Error && error.name === "DataError";

/** All templates have failed for one reason. */
const failing = ({ spec }: ParsedConfig, message: string): Rendering => ({
  ok: false,
  faults: [...spec.templates.keys()].map((key) => ({ key, message })),
});
