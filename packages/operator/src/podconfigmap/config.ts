import { type Finding, isObject } from "../api/conform.ts";
import { annotationDataKey, collisions, labelDataKey } from "../api/data-keys.ts";
import type { EbpfConfig } from "../api/ebpf-config.ts";
import { isDataKey } from "../api/syntax.ts";
import { conformPodConfigMapConfig } from "../api/validate.ts";
import { type Labels, parseLabelSelector, type SelectorResult } from "./selector.ts";

/** A part of a stored spec that is left out of every ConfigMap, while all else goes on. */
export interface Problem {
  readonly reason: "KeyCollision" | "InvalidDataKey" | "InvalidSpec";
  readonly message: string;
}

/** A Pod label or annotation to copy, and the data key it is stored under. */
export interface CopiedKey {
  readonly source: string;
  readonly dataKey: string;
}

/** A spec read for use: what is unsound has been taken out. */
export interface ParsedSpec {
  /** Not ok: the PodConfigMapConfig must touch no ConfigMap at all. */
  readonly selector: SelectorResult;
  readonly labels: readonly CopiedKey[];
  readonly annotations: readonly CopiedKey[];
  /** Data key -> template text, only sound keys. */
  readonly templates: ReadonlyMap<string, string>;
  /** Findings below `spec.ebpfConfig` say what was left out of it. */
  readonly ebpf: EbpfConfig | undefined;
}

/** A stored PodConfigMapConfig, read once for each of its versions and used for many Pods. */
export interface ParsedConfig {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly generation: number;
  readonly spec: ParsedSpec;
  /** Which data keys are not written, and why. */
  readonly problems: readonly Problem[];
  /** Everything that admission would refuse today. */
  readonly findings: readonly Finding[];
}

/** Whether a selector that can be read selects these labels. */
export const selects = ({ spec: { selector } }: ParsedConfig, labels: Labels | undefined): boolean =>
  selector.ok && selector.selector.matches(labels);

/**
 * Reads a PodConfigMapConfig as it is stored, which may be anything that an older CRD let in. Never throws.
 *
 * The selector is never mended: a requirement that is left out would select more Pods.
 */
export const parsePodConfigMapConfig = (object: unknown): ParsedConfig => {
  const { value, findings } = conformPodConfigMapConfig(object);
  const spec = value?.spec ?? {};
  const problems: Problem[] = [];
  const parsed: ParsedSpec = {
    selector: selectorIn(object),
    labels: copiedKeys("labelsToInclude", spec.labelsToInclude, { dataKey: labelDataKey, problems }),
    annotations: copiedKeys("annotationsToInclude", spec.annotationsToInclude, {
      dataKey: annotationDataKey,
      problems,
    }),
    templates: templatesIn(spec.configMapDataTemplate, problems),
    ebpf: soundSections(spec.ebpfConfig, findings),
  };
  const other = otherProblems(findings, problems);
  return { ...identityOf(object), spec: parsed, problems: [...problems, ...other], findings };
};

/** Without the sections in which something was left out: a firewall that lost its defaultAction would say the opposite. */
const soundSections = (config: EbpfConfig | undefined, findings: readonly Finding[]): EbpfConfig | undefined => {
  if (config === undefined) return undefined;
  const isUnsound = (section: string) =>
    findings.some(({ path, leftOut }) => leftOut && path[1] === "ebpfConfig" && path[2] === section);
  return Object.fromEntries(Object.entries(config).filter(([section]) => !isUnsound(section)));
};

/** What else of the spec could not be used; the selector and the keys have reports of their own. */
const otherProblems = (findings: readonly Finding[], reported: readonly Problem[]): readonly Problem[] =>
  findings
    .filter(({ path, leftOut }) => leftOut && path[0] === "spec" && path[1] !== "podSelector")
    .filter(({ path }) => !reported.some(({ message }) => message.startsWith(`${path[1]}:`)))
    .map(({ field, message }) => ({ reason: "InvalidSpec", message: `${field}: ${message}` }));

const identityOf = (object: unknown): Pick<ParsedConfig, "name" | "namespace" | "uid" | "generation"> => {
  const { metadata } = isObject(object) ? object : {};
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  const { name, namespace, uid, generation } = isObject(metadata) ? metadata : {};
  return {
    name: text(name),
    namespace: text(namespace),
    uid: text(uid),
    generation: Number.isSafeInteger(Number(generation)) ? Number(generation) : 0,
  };
};

/** From the object itself: the conforming value may be wider than what its author wrote. */
const selectorIn = (object: unknown): SelectorResult => {
  if (!isObject(object)) return { ok: false, errors: ["the PodConfigMapConfig is no object"] };
  const { spec = {} } = object;
  if (!isObject(spec)) return { ok: false, errors: ["spec must be an object"] };
  const { podSelector } = spec;
  return parseLabelSelector(podSelector);
};

const quoted = (keys: readonly string[]): string => keys.map((key) => JSON.stringify(key)).join(" and ");

const copiedKeys = (
  field: string,
  keys: readonly string[] = [],
  { dataKey, problems }: { readonly dataKey: (key: string) => string; readonly problems: Problem[] },
): readonly CopiedKey[] => {
  const colliding = collisions(keys, dataKey);
  for (const [key, sources] of colliding) {
    const message = `${field}: ${quoted(sources)} both become the data key ${key}, which is not written: remove all but one`;
    problems.push({ reason: "KeyCollision", message });
  }
  return [...new Set(keys)]
    .map((source) => ({ source, dataKey: dataKey(source) }))
    .filter((copied) => !colliding.has(copied.dataKey) && soundKey(field, copied, problems));
};

const templatesIn = (
  templates: Readonly<Record<string, string>> = {},
  problems: Problem[],
): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(templates).filter(([key]) =>
      soundKey("configMapDataTemplate", { source: key, dataKey: key }, problems),
    ),
  );

const soundKey = (field: string, { source, dataKey }: CopiedKey, problems: Problem[]): boolean => {
  if (isDataKey(dataKey)) return true;
  const message = `${field}: ${JSON.stringify(source)} gives no valid data key, so it is not written: shorten or remove it`;
  problems.push({ reason: "InvalidDataKey", message });
  return false;
};
