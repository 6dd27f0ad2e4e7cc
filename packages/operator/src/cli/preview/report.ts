import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { EXIT, type Io } from "../io.ts";
import type { PreviewOptions } from "../preview.ts";
import { configMapsText, plainConfigMap, yamlText } from "./configmap-text.ts";
import type { Inputs, PreviewConfig } from "./inputs.ts";
import type { RenderedScenes } from "./render-all.ts";
import type { Result, Scene } from "./scene.ts";
import { unifiedDiff } from "./unified-diff.ts";

/** What became of all that was asked for. */
export interface Planned {
  readonly scenes: readonly { readonly scene: Scene; readonly results: readonly Result[] }[];
  readonly syntax: RenderedScenes["syntax"];
}

type Asked = Pick<PreviewOptions, "output" | "diff" | "color">;

/** Prints the ConfigMaps, or how they differ, and says what failed. @returns the exit code. */
export const report = async (
  preview: Planned & Pick<Inputs, "configs" | "notes">,
  { options, io }: { readonly options: Asked; readonly io: Pick<Io, "stdout" | "stderr" | "env" | "isTerminal"> },
): Promise<number> => {
  const results = preview.scenes.flatMap((planned) => planned.results);
  const text = options.diff
    ? diffText(results, { color: isColored(options, io) })
    : configMapsText(
        results.flatMap((result) => (result.kind === "made" ? [result.after] : [])),
        options.output ?? "yaml",
      );
  io.stdout(text);
  const notes = [...preview.notes, ...idleNotes(preview), ...resultNotes(results, options)];
  for (const note of notes) io.stderr(`note: ${note}\n`);
  const failures = await failureText(preview);
  io.stderr(failures);
  return failures === "" ? EXIT.ok : EXIT.failed;
};

/** `NO_COLOR`: https://no-color.org */
const isColored = ({ color }: Asked, { env, isTerminal }: Pick<Io, "env" | "isTerminal">): boolean => {
  if (color !== "auto") return color === "always";
  return isTerminal && !env.NO_COLOR && env.TERM !== "dumb";
};

const diffText = (results: readonly Result[], how: { readonly color: boolean }): string =>
  results
    .map((result) => {
      if (result.kind === "made") return diffOf(result.before, result.after, how);
      return result.kind === "deleted" ? diffOf(result.before, undefined, how) : "";
    })
    .join("");

const diffOf = (
  before: ConfigMap | undefined,
  after: ConfigMap | undefined,
  how: { readonly color: boolean },
): string => {
  const { namespace = "", name = "" } = (after ?? before)?.metadata ?? {};
  const text = (configMap: ConfigMap | undefined) => configMap && yamlText(plainConfigMap(configMap));
  return unifiedDiff({ name: `${namespace}/${name}`, before: text(before), after: text(after) }, how);
};

/** Who sees nothing printed wants to know why. */
const idleNotes = ({ configs, scenes }: Planned & Pick<Inputs, "configs">): string[] =>
  configs.flatMap(({ parsed }) => {
    const concerned = scenes.filter(({ scene }) => scene.configs.includes(parsed));
    const isIdle = concerned.every(({ results }) =>
      results.every(({ pcmc, kind }) => pcmc !== parsed.name || kind === "deleted"),
    );
    if (!isIdle) return [];
    if (concerned.length === 0) {
      return [`PodConfigMapConfig ${parsed.name} counts nowhere: in each namespace another of that name comes first`];
    }
    const where = concerned.map(({ scene }) => `${scene.namespace} (${scene.pods.length})`).join(", ");
    return [`PodConfigMapConfig ${parsed.name} makes no ConfigMap: it selects no live Pod of namespace ${where}`];
  });

const resultNotes = (results: readonly Result[], { diff }: Asked): string[] => {
  const waiting = results.flatMap((result) => (result.kind === "waits" ? [result.message] : []));
  const deleted = results.flatMap((result) => (result.kind === "deleted" ? [result.before.metadata?.name ?? ""] : []));
  // A diff shows them.
  if (diff || deleted.length === 0) return waiting;
  return [...waiting, `to be deleted: ${deleted.join(", ")}; --diff shows more`];
};

const failureText = async ({ scenes, syntax, configs }: Planned & Pick<Inputs, "configs">): Promise<string> => {
  const failed = scenes.flatMap(({ scene, results }) =>
    results.flatMap((result) => (result.kind === "failed" ? [{ scene, result }] : [])),
  );
  if (failed.length === 0 && [...syntax.values()].every((faults) => faults.length === 0)) return "";
  const { FailureText } = await import("./failures.ts");
  const text = new FailureText();
  const ofSyntax = configs.map((config) => text.syntax(config, syntax.get(config.parsed) ?? []));
  const ofPods = failed.map(({ scene, result }) => {
    const config = configOf(result.pcmc, scene, configs);
    if (config === undefined) return "";
    const told = new Set((syntax.get(config.parsed) ?? []).map(({ key }) => key));
    return text.pod(result, { scene, config, told });
  });
  return [...ofSyntax, ...ofPods].join("");
};

const configOf = (pcmc: string, scene: Scene, configs: readonly PreviewConfig[]): PreviewConfig | undefined =>
  configs.find(({ parsed }) => parsed.name === pcmc && scene.configs.includes(parsed));
