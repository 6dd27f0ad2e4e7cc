import { isObject } from "../api/conform.ts";
import { type PodConfigMapConfigSpec, templatesFit } from "../api/podconfigmapconfig.ts";
import { conformPodConfigMapConfig, identityFaults } from "../api/validate.ts";
import { duplicateWarnings } from "./duplicates.ts";
import { ebpfWarnings } from "./ebpf-warnings.ts";
import { asError, errorsFirst, type Finding, isError } from "./finding.ts";
import { replacedKeyWarnings } from "./key-warnings.ts";
import { metadataFaults } from "./metadata.ts";
import { nameWarnings } from "./name-warnings.ts";
import { selectorWarnings } from "./selector-warnings.ts";
import { type TemplateDeps, templateFindings } from "./templates.ts";

/**
 * All that admission has to say of a PodConfigMapConfig, without an API server. No error among the findings = it would be
 * stored. `object` may be anything, as a request or YAML gives it; its status is not looked at, as the API server does not
 * take it from users. Errors come first.
 *
 * @throws what the engine throws where it is at fault itself and not a template.
 */
export const validatePodConfigMapConfig = async (object: unknown, deps: TemplateDeps): Promise<readonly Finding[]> => {
  const { metadata } = isObject(object) ? object : {};
  const { name } = isObject(metadata) ? metadata : {};
  const findings = [
    ...identityFaults(object).map(asError),
    ...(isObject(object) ? metadataFaults(metadata) : []),
    ...(await specFindings(object, deps)),
  ];
  const isNamed =
    typeof name === "string" && !findings.some(({ path }) => path[1] === "name" && path[0] === "metadata");
  return errorsFirst([...findings, ...(isNamed ? nameWarnings(name) : [])]);
};

/** The findings below `spec`, and those about unknown fields beside it. */
export const specFindings = async (object: unknown, deps: TemplateDeps): Promise<readonly Finding[]> => {
  const { value, findings } = conformPodConfigMapConfig(withoutStatus(object));
  const spec: PodConfigMapConfigSpec = value?.spec ?? {};
  const templates = spec.configMapDataTemplate ?? {};
  const faults = findings.map(asError);
  // Another thread is at the templates while this one looks at the rest.
  const [ofTemplates, ofLists] = await Promise.all([
    templatesFit(templates) ? templateFindings(templates, deps) : [],
    warningsOfLists(soundFields(spec, faults)),
  ]);
  const errors = [...faults, ...ofTemplates.filter(isError)];
  const sound = soundFields(spec, errors);
  return [
    ...errors,
    ...ofLists,
    ...replacedKeyWarnings(sound),
    ...ofTemplates.filter((finding) => !isError(finding)),
    ...(sound.ebpfConfig === undefined ? [] : ebpfWarnings(sound.ebpfConfig)),
  ];
};

/** Those of the selector and of lists. A promise, so that a fault here leaves none of the templates unheard. */
const warningsOfLists = async (spec: PodConfigMapConfigSpec): Promise<readonly Finding[]> => [
  ...selectorWarnings(spec.podSelector),
  ...duplicateWarnings(spec),
];

/** The fields of a spec without errors. Warnings about others would be about what nobody wrote, or about very much of it. */
const soundFields = (spec: PodConfigMapConfigSpec, errors: readonly Finding[]): PodConfigMapConfigSpec => {
  const unsound = new Set(errors.map(({ path: [, field] }) => field));
  return Object.fromEntries(Object.entries(spec).filter(([field]) => !unsound.has(field)));
};

const withoutStatus = (object: unknown): unknown => {
  if (!isObject(object)) return object;
  const { status: _, ...rest } = object;
  return rest;
};
