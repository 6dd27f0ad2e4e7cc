import { setImmediate as nextTurn } from "node:timers/promises";
import type { ConfigMap } from "kubernetes-types/core/v1.d.ts";
import { formatDuration } from "../../settings/duration.ts";
import { EXIT, type Io } from "../io.ts";
import type { PreviewOptions } from "../preview.ts";
import { type ConfigMapsText, JsonList, plainConfigMap, YamlDocuments, yamlText } from "./configmap-text.ts";
import type { Inputs, PreviewConfig } from "./inputs.ts";
import type { RenderedScenes } from "./render-all.ts";
import type { Plan, Result, Scene } from "./scene.ts";
import { unifiedDiff } from "./unified-diff.ts";

/** What is to become of all that was asked for. */
export interface Planned {
  readonly scenes: readonly { readonly scene: Scene; readonly results: Plan }[];
  readonly syntax: RenderedScenes["syntax"];
}

/** What became of it. */
interface Settled {
  readonly scenes: readonly { readonly scene: Scene; readonly results: readonly Result[] }[];
  readonly syntax: RenderedScenes["syntax"];
}

/** Part of the time that printing has in any case: what was rendered until the last moment is not lost. */
const RESERVE = 0.1;

type Asked = Pick<PreviewOptions, "output" | "diff" | "color" | "timeout">;

/**
 * Prints the ConfigMaps, or how they differ, one after the other until the time is up, and says what failed. What is not
 * printed by then has.
 *
 * @returns the exit code.
 */
export const report = async (
  { scenes: planned, ...preview }: Planned & Pick<Inputs, "configs" | "notes">,
  {
    options,
    io,
  }: { readonly options: Asked; readonly io: Pick<Io, "stdout" | "stderr" | "env" | "isTerminal" | "uptime"> },
): Promise<number> => {
  const text = textOf(options, io);
  const end = Math.max(options.timeout, io.uptime() + options.timeout * RESERVE);
  const isOver = () => io.uptime() >= end;
  const scenes: { scene: Scene; results: Result[] }[] = [];
  for (const { scene, results } of planned) {
    const settled: Result[] = [];
    for (const result of results(isOver)) settled.push(await print(result, { text, io, isOver }));
    scenes.push({ scene, results: settled });
  }
  io.stdout(text.end());
  const all = scenes.flatMap(({ results }) => results);
  const settled = {
    ...preview,
    scenes: scenes.map((one) => ({ ...one, results: one.results.map(failedIfLate(options)) })),
  };
  for (const note of [...preview.notes, ...idleNotes(settled), ...resultNotes(all, options)])
    io.stderr(`note: ${note}\n`);
  const failures = await failureText(settled);
  io.stderr(failures);
  return failures === "" ? EXIT.ok : EXIT.failed;
};

/** How results become text. */
type ResultsText = Pick<ConfigMapsText, "end"> & { readonly next: (result: Result) => string };

const textOf = (options: Asked, io: Pick<Io, "env" | "isTerminal">): ResultsText => {
  if (options.diff) {
    const how = { color: isColored(options, io) };
    return { next: (result) => diffText(result, how), end: () => "" };
  }
  const list = options.output === "json" ? new JsonList() : new YamlDocuments();
  return { next: (result) => (result.kind === "made" ? list.next(result.after) : ""), end: () => list.end() };
};

interface Printing {
  readonly text: ResultsText;
  readonly io: Pick<Io, "stdout">;
  readonly isOver: () => boolean;
}

/** Prints what there is of a result; what would have come too late is late. */
const print = async (result: Result, { text, io, isOver }: Printing): Promise<Result> => {
  if (result.kind !== "made" && result.kind !== "deleted") return result;
  if (isOver()) return { kind: "late", pod: result.pod, pcmc: result.pcmc };
  const part = text.next(result);
  if (part === "") return result;
  io.stdout(part);
  // Whoever reads it, and whoever ends this process, has a turn.
  await nextTurn();
  return result;
};

const failedIfLate =
  ({ timeout }: Asked) =>
  (result: Result): Result => {
    if (result.kind !== "late") return result;
    const limit = formatDuration(BigInt(Math.round(timeout)) * 1_000_000n);
    const message = `not shown within ${limit}: raise --timeout, or preview fewer Pods`;
    return { ...result, kind: "failed", message, faults: [] };
  };

/** `NO_COLOR`: https://no-color.org */
const isColored = ({ color }: Asked, { env, isTerminal }: Pick<Io, "env" | "isTerminal">): boolean => {
  if (color !== "auto") return color === "always";
  return isTerminal && !env.NO_COLOR && env.TERM !== "dumb";
};

const diffText = (result: Result, how: { readonly color: boolean }): string => {
  if (result.kind === "made") return diffOf(result.before, result.after, how);
  return result.kind === "deleted" ? diffOf(result.before, undefined, how) : "";
};

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
const idleNotes = ({ configs, scenes }: Settled & Pick<Inputs, "configs">): string[] =>
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

const failureText = async ({ scenes, syntax, configs }: Settled & Pick<Inputs, "configs">): Promise<string> => {
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
