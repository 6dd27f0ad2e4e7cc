import type { AbortSource } from "@pcmc/controller-runtime";
import type { Reads, TemplateError } from "@pcmc/gotemplate";
import { type Finding, warning } from "./finding.ts";
import { didYouMean } from "./nearest.ts";
import { type MissingField, missingField } from "./pod-schema.ts";
import type { TemplateEngine } from "./template-engine.ts";

export interface TemplateDeps {
  readonly engine: TemplateEngine;
  /** The end of the time for all of it: what is not parsed by then is not judged, and warnings are looked for no more. */
  readonly end?: AbortSource | undefined;
  /** Milliseconds that parsing may run, as the engine's `deadline`, which is the default: waiting for a worker does not count. */
  readonly parseTime?: number | undefined;
}

type Sources = Readonly<Record<string, string>>;

const pathOf = (key: string) => ["spec", "configMapDataTemplate", key];

/**
 * An error for each template that does not compile, and a warning for each field that one reads and no Pod has.
 *
 * @throws what `compileAll` throws, which is never a template's fault.
 */
export const templateFindings = async (sources: Sources, deps: TemplateDeps): Promise<readonly Finding[]> => {
  if (Object.keys(sources).length === 0) return [];
  const compiled = await inTime(compile(sources, deps), deps);
  if (compiled === undefined) return Object.keys(sources).map((key) => unjudged(key, "it was not looked at"));
  const { errors, reads } = compiled;
  const failed = new Set(errors.map(({ key }) => key));
  const sound = Object.keys(sources).filter((key) => !failed.has(key));
  // Errors must not be lost for the sake of warnings.
  const warnings = mayMiss(reads, sound) ? await inTime(warningsOf(sound, sources, deps), deps) : [];
  return [...(await Promise.all(errors.map((error) => errorFinding(error, sources)))), ...(warnings ?? [])];
};

/** What comes of it; `undefined` where it was not done in time. */
const inTime = async <T>(work: Promise<T>, { end }: TemplateDeps): Promise<T | undefined> => {
  try {
    return await work;
  } catch (error) {
    if (end?.aborted) return undefined;
    throw error;
  }
};

const warningsOf = async (keys: readonly string[], sources: Sources, deps: TemplateDeps): Promise<readonly Finding[]> =>
  (await Promise.all(keys.map((key) => readWarnings(key, sources, deps)))).flat();

const compile = (sources: Sources, { engine, end, parseTime }: TemplateDeps) =>
  engine.compileAll(sources, { signal: end, deadline: parseTime });

/** Whether one of the templates may read what no Pod has. Of several, one that reads everything hides what the others read. */
const mayMiss = (reads: Reads, keys: readonly string[]): boolean =>
  reads.kind === "whole" ? keys.length > 1 : reads.paths.some((path) => missingField(path) !== undefined);

let loading: Promise<typeof import("@pcmc/gotemplate")> | undefined;

/** Loaded with the first fault: whoever has no templates need not load the engine's package. Asked for once, as asking takes time too. */
const enginePackage = (): Promise<typeof import("@pcmc/gotemplate")> => {
  loading ??= import("@pcmc/gotemplate");
  return loading;
};

const errorFinding = async (error: TemplateError, sources: Sources): Promise<Finding> => {
  const { caret } = await enginePackage();
  const { key = "", line, column, detail, suggestion, reason } = error;
  // That says more of how busy the machine is than of the template.
  if (reason === "deadline") return unjudged(key, detail);
  return {
    severity: "error",
    path: pathOf(key),
    message: `${oneLine(detail)}${suggestion === undefined ? "" : `: did you mean ${suggestion}?`}`,
    position: { line, column },
    excerpt: caret(sources[key] ?? "", error),
  };
};

const unjudged = (key: string, detail: string): Finding => ({
  severity: "error",
  path: pathOf(key),
  message: `could not be parsed in time: try again, or make it smaller (${detail})`,
  isUnjudged: true,
});

const oneLine = (text: string): string => text.replaceAll(/\s*[\r\n]\s*/g, " ");

/** Missing fields of one template that are told: a template of a megabyte can read very many. */
const TOLD = 10;

/** Compiled alone: of several together the engine tells only what all of them read. */
const readWarnings = async (key: string, sources: Sources, deps: TemplateDeps): Promise<readonly Finding[]> => {
  const { reads } = await compile({ [key]: sources[key] ?? "" }, deps);
  if (reads.kind === "whole") return [];
  const missing = new Map<string, MissingField>();
  for (const path of reads.paths) {
    const field = missingField(path);
    if (field !== undefined) missing.set(field.field, field);
    if (missing.size === TOLD) break;
  }
  return [...missing.values()].map((field) => warning(pathOf(key), missingMessage(field)));
};

const missingMessage = ({ field, known }: MissingField): string => {
  const step = field.slice(field.lastIndexOf(".") + 1);
  const hint = didYouMean(step, known);
  const more = hint === "" && known.length > 0 && known.length <= 10 ? `: there are ${known.join(", ")}` : hint;
  return `reads .${field}, which no Pod has, so that fails or finds nothing${more}`;
};
